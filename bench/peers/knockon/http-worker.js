// Knock-on with six HTTP subscribers in place of six effects: a service in a process of its own
// does the same small insert for each, and answers at once. The worker hosts them as it ships.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectDatabase } from '../../../dist/db/client.js';
import { callTimeout } from '../../../dist/db/schema/http-subscribers.js';
import { putHttpSubscriber } from '../../../dist/ops/http-subscribers/change.js';
import { createSeal } from '../../../dist/seal.js';
import { readConfig } from '../../../dist/settings/config.js';
import { startEffects } from '../../../dist/workers/effects.js';
import { runProcess } from '../../../dist/workers/process/process.js';

const names = ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'];
if (process.env.HANGING) names.push('hanging');
/** As many events a request as our effects get a call in a small dispatch. */
const BATCH = 500;
const SECRET = 'whsec_c2VjcmV0IG9mIHRoaXJ0eS10d28gY2hhcmFjdGVycw==';

const config = readConfig({ ...process.env, KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8' });
await runProcess(async () => {
  const service = fork(fileURLToPath(new URL('./http-service.js', import.meta.url)));
  const [{ url }] = await once(service, 'message');
  const database = connectDatabase(config.DATABASE_URL, { connections: 1 });
  for (const name of names) await subscribe(database, name, `${url}/${name}`);
  await database.close();
  const running = await startEffects(config, { effects: [] });
  const stop = async () => {
    await running.stop();
    service.kill();
  };
  return { ...running, stop };
}, config.KNOCKON_SHUTDOWN);
process.exit();

function subscribe(database, name, url) {
  return putHttpSubscriber(
    database,
    {
      name,
      url,
      description: 'A row an event.',
      event_types: [process.env.EVENT_TYPE ?? 'message.created'],
      ordering: 'none',
      batch: BATCH,
      timeout_ms: 30_000,
      call_timeout_ms: callTimeout(30_000),
      attempts: 20,
      task_queue: `effects.${name}`,
      by: 'bench',
    },
    createSeal(config.KNOCKON_SECRET).close(SECRET),
  );
}
