// DBOS: a workflow of six steps, side by side. Its queue is looked at every POLL_MS; ordered: one
// at a time for a channel.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { effects, happen, workUntilTold } from '../store.js';

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.env.DATABASE_URL,
  systemDatabasePoolSize: 16,
  logLevel: 'error',
  applicationVersion: '1',
});
DBOS.registerWorkflow(
  async (id) => {
    await Promise.all(
      effects.map((effect) =>
        DBOS.runStep(() => happen(effect, id).then(() => {}), { name: effect }),
      ),
    );
  },
  { name: 'onMessageCreated' },
);
await DBOS.launch();
await DBOS.registerQueue('messages', {
  minPollingIntervalMs: Number(process.env.POLL_MS),
  ...(process.env.ORDERED === '1' ? { partitionConcurrency: 1 } : {}),
});
workUntilTold(() => DBOS.shutdown());
