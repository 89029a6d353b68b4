import { Worker } from 'bullmq';
import { happen, workUntilTold } from '../store.js';
import { connect, QUEUE } from './connection.js';

const worker = new Worker(QUEUE, ({ name, data }) => happen(name, data.id).then(() => {}), {
  connection: connect(),
  concurrency: 100,
});
worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
workUntilTold(() => worker.close(true));
