// A worker whose effect kills it wherever it meets a deadly message.
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { connectDatabase } from '../../../src/db/client.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { hostEffects } from '../../../src/workers/host-effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../../src/workers/process/process.ts';

const deadly = defineEffect({
  name: 'deadly',
  description: 'Kills its worker.',
  on: ['message.created'],
  retry: { attempts: 4, initial: '100ms' },
  async transact(_tx, events) {
    if (!events.some(({ payload }) => payload.text === 'deadly')) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});
  },
});

const config = readConfig();
await runProcess(async () => {
  const started = new ShutdownStack();
  const database = started.add(connectDatabase(config.DATABASE_URL), (d) => d.close());
  const { ended } = await hostEffects({
    config,
    database,
    effects: [deadly],
    log: createLog('deadly', config.LOG_LEVEL),
    started,
  });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();
