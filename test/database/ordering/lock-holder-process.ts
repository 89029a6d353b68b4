// Holds a lock until it is killed, from a process of its own.
import { postgresLocks } from '../../../src/activities/runtime/locks/postgres.ts';
import { RedisLocks } from '../../../src/activities/runtime/locks/redis.ts';
import { connectDatabase } from '../../../src/db/client.ts';

const [databaseUrl = '', redisUrl = '', owner = '', key = ''] = process.argv.slice(2);
const { db } = connectDatabase(databaseUrl, { name: 'holder' });
const locks = redisUrl === '' ? postgresLocks(db) : new RedisLocks({ url: redisUrl, db });
await locks.hold({ owner, keys: [key], statementMs: 60_000, idleMs: 60_000 }, async (held) => {
  process.send?.({ held: held.keys });
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
