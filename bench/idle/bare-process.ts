// A process that starts the bare workflow whenever it is told to, and answers how long it took until the sixth activity had run.
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const address = process.env.TEMPORAL_ADDRESS!;
const client = new Client({ connection: await Connection.connect({ address }) });
const connection = await NativeConnection.connect({ address });
const queues = Array.from({ length: 6 }, (_, i) => `bare.${i + 1}`);

let left = 0;
let finished = () => {};
const activities = {
  async nothing() {
    left -= 1;
    if (left === 0) finished();
  },
};
const workflowsPath = fileURLToPath(new URL('./workflow.ts', import.meta.url));
const workers = await Promise.all([
  Worker.create({ connection, taskQueue: 'bare', workflowsPath }),
  ...queues.map((taskQueue) => Worker.create({ connection, taskQueue, activities })),
]);
for (const worker of workers) void worker.run();

process.on('message', (workflowId: string) => void once(workflowId).then((ms) => process.send?.({ ms })));
process.send?.({ ready: true });

async function once(workflowId: string): Promise<number> {
  const sixth = new Promise<void>((resolve) => {
    finished = resolve;
  });
  left = queues.length;
  const began = performance.now();
  await client.workflow.start('bare', { taskQueue: 'bare', workflowId, args: [queues] });
  await sixth;
  return performance.now() - began;
}
