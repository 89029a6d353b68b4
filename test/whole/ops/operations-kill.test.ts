import { expect, it } from 'vitest';
import { Customer, settled, soon } from '../../harness/customer.ts';
import { useDeployment } from '../../harness/processes.ts';
import { callOps } from '../../harness/running-product.ts';

const knockon = useDeployment();

it('a replay whose worker is killed in the middle goes on, and ends with the same numbers', async () => {
  const { current } = knockon;
  const [api, workflows] = await Promise.all(
    ['api', 'worker workflows', 'worker effects'].map((command) => current.start(command)),
  );
  const acme = await Customer.at(api!.url);
  for (let i = 0; i < 10; i += 1) await Promise.all(Array.from({ length: 40 }, () => acme.post()));
  await settled(current);
  const { pg } = current.database;
  const input = { type: 'message.created', subscriber: 'search', per_second: 100 };
  const { body } = await callOps(api!.url, 'POST', 'replays', input);
  const read = async () => (await callOps(api!.url, 'GET', `jobs/${body.id}`)).body;
  await expect.poll(async () => (await read()).done, soon).toBeGreaterThan(80);
  await workflows!.kill();
  const before = await read();
  expect(before).toMatchObject({ state: 'running', total: 400 });
  expect(before.done).toBeLessThan(400);
  await current.start('worker workflows');
  await expect.poll(async () => (await read()).state, { ...soon, timeout: 100_000 }).toBe('done');
  expect(await read()).toMatchObject({ total: 400, done: 400, skipped: 0, failed: 0 });
  // Each event was dispatched once more, and once.
  const [row] = await pg`
    select count(*)::int as events, count(distinct e.event_id)::int as different from knockon.operation_dispatches j join knockon.dispatch_events e using (dispatch_id)`;
  expect(row).toEqual({ events: 400, different: 400 });
});
