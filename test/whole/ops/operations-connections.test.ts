import { expect, it } from 'vitest';
import { Customer, settled, soon } from '../../harness/customer.ts';
import { useDeployment } from '../../harness/processes.ts';
import { callOps } from '../../harness/running-product.ts';

const knockon = useDeployment(() => ({ KNOCKON_TRANSPORT: 'pg-boss' }));

it('on pg-boss ten jobs at once leave the API all its connections, after a restart too, and all come to their end', async () => {
  const { current } = knockon;
  const api = await current.start('api');
  await current.start('worker effects');
  const acme = await Customer.at(api.url);
  await Promise.all(Array.from({ length: 30 }, () => acme.post()));
  await settled(current);
  const jobs: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    const { body } = await callOps(api.url, 'POST', 'replays', {
      type: 'message.created',
      subscriber: 'search',
      per_second: 20,
    });
    jobs.push(body.id);
  }
  const running = async (url: string) =>
    (await Promise.all(jobs.map((id) => callOps(url, 'GET', `jobs/${id}`)))).map(
      ({ body }) => body,
    );
  await expect
    .poll(async () => (await running(api.url)).filter(({ done }) => done > 0).length, soon)
    .toBeGreaterThan(3);
  expect((await acme.post()).seq).toBe(31);
  expect(await acme.get('/v1/channels')).toMatchObject({ data: [{ name: 'general' }] });
  await api.kill();
  const again = await current.start('api');
  acme.url = again.url;
  expect((await acme.post()).seq).toBe(32);
  await expect
    .poll(async () => (await running(again.url)).map(({ state }) => state), soon)
    .toEqual(Array(10).fill('done'));
});
