// A worker with the SDK's defaults.
import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { happen, workUntilTold } from '../store.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS }),
  taskQueue: 'messages',
  workflowsPath: fileURLToPath(new URL('./workflow.js', import.meta.url)),
  activities: { happen: (effect, id) => happen(effect, id).then(() => {}) },
});
const running = worker.run();
workUntilTold(async () => {
  worker.shutdown();
  await running;
});
