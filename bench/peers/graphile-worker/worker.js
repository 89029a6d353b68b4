// graphile-worker, set up for throughput as its page on performance says: a local queue,
// completions in batches.
import { Logger, run } from 'graphile-worker';
import { effects, happen, workUntilTold } from '../store.js';

const runner = await run({
  noHandleSignals: true,
  preset: {
    worker: {
      connectionString: process.env.DATABASE_URL,
      concurrentJobs: 24,
      maxPoolSize: 12,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      logger: new Logger(() => () => {}),
    },
  },
  taskList: Object.fromEntries(effects.map((effect) => [effect, ({ id }) => happen(effect, id)])),
});
workUntilTold(() => runner.stop());
