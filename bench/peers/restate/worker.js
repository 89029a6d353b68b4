// Restate: a handler with six runs, side by side; in a virtual object a channel where they are to
// be in order.
import './node-20.js';
import * as restate from '@restatedev/restate-sdk';
import { effects, happen, sql } from '../store.js';

const created = async (ctx, { id }) => {
  await restate.RestatePromise.all(
    effects.map((effect) => ctx.run(effect, () => happen(effect, id).then(() => {}))),
  );
};
const options = {
  journalRetention: 0,
  // While its endpoint is away Restate tries again, ever more rarely: so that a worker that comes
  // back is seen within a second.
  retryPolicy: {
    initialInterval: 100,
    exponentiationFactor: 2,
    maxInterval: 1000,
    maxAttempts: 1_000_000,
  },
};

await restate.serve({
  services: [
    restate.service({ name: 'messages', handlers: { created }, options }),
    restate.object({ name: 'inChannel', handlers: { created }, options }),
  ],
  port: Number(process.env.WORKER_PORT),
});
process.send?.({ ready: true });
process.once('SIGTERM', async () => {
  await sql.end({ timeout: 1 });
  process.exit(0);
});
