// pg-boss: jobs in batches, each effect an insert of its own, each job settled for itself.
import { happen, workUntilTold } from '../store.js';
import { QUEUE, startBoss } from './boss.js';

const boss = await startBoss({ worker: true });
const options = {
  batchSize: 100,
  localConcurrency: 4,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
  perJobResults: true,
};
await boss.work(QUEUE, options, (jobs) =>
  Promise.all(
    jobs.map(({ id, data }) =>
      happen(data.effect, data.id).then(() => ({ id, status: 'completed' })),
    ),
  ),
);
workUntilTold(() => boss.stop({ graceful: false }));
