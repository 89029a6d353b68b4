// A worker that somebody else deploys: one effect of their own, from outside this version's list.
import { sql } from 'drizzle-orm';
import { defineEffect } from '../../src/activities/runtime/effect.ts';
import { connectDatabase } from '../../src/db/client.ts';
import { readConfig } from '../../src/settings/config.ts';
import { hostEffects } from '../../src/workers/effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../src/workers/process/process.ts';

const greetings = defineEffect({
  name: 'greetings',
  description: 'Writes a greeting for each message.',
  on: ['message.created'],
  async transact(tx, events) {
    for (const { message_id, payload } of events) {
      await tx.execute(
        sql`insert into greetings (message_id, text) values (${message_id}, ${`Hello, ${payload.author}!`})`,
      );
    }
  },
});

const config = readConfig();
const log = createLog('greetings', config.LOG_LEVEL);

await runProcess(async () => {
  const started = new ShutdownStack();
  const database = started.add(connectDatabase(config.DATABASE_URL), (d) => d.close());
  const { ended } = await hostEffects({ config, database, effects: [greetings], log, started });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();
