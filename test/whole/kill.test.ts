import pMap from 'p-map';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TestProcess, useDeployment } from '../harness/processes.ts';
import { expectOnce, Product, settled, soon } from './product.ts';

const MESSAGES = 200;

const knockon = useDeployment(() => ({ KNOCKON_RELAY_AGE: '1s' }));
let acme: Product;
let running: Record<'api' | 'workflows' | 'effects', TestProcess>;

beforeAll(async () => {
  const start = (command: string) => knockon.current.start(command);
  const [api, workflows, effects] = await Promise.all([start('api'), start('worker workflows'), start('worker effects')]);
  running = { api, workflows, effects };
  acme = await Product.at(api.url);
});

describe('kill -9 of each process in the middle of 200 messages', () => {
  it('loses nothing, and doubles nothing in the database', async () => {
    let taken = 0;
    const load = pMap(
      Array.from({ length: MESSAGES }, (_, i) => `message ${i}`),
      async (text) => {
        await acme.postPersistently(text);
        taken += 1;
      },
      { concurrency: 8 },
    );
    // A failure shows where it is waited for.
    load.catch(() => {});
    for (const [part, at] of [
      ['api', 30],
      ['workflows', 80],
      ['effects', 130],
      ['api', 160],
    ] as const) {
      await expect.poll(() => taken, { ...soon, interval: 1 }).toBeGreaterThan(at);
      expect(await running[part].kill()).toEqual({ code: null, signal: 'SIGKILL' });
      running[part] = await knockon.current.start(running[part].name);
      acme.url = running.api.url;
    }
    await load;
    await settled(knockon.current);
    await expectOnce(knockon.current, acme, MESSAGES);
  });
});
