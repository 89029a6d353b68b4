import { beforeAll, describe, expect, it } from 'vitest';
import { Customer, expectOnce, settled, soon } from '../harness/customer.ts';
import { type TestProcess, useDeployment } from '../harness/processes.ts';

const BURST = 50;

const knockon = useDeployment(() => ({ KNOCKON_RELAY_AGE: '1s' }));
let acme: Customer;
let running: Record<'api' | 'workflows' | 'effects', TestProcess>;

beforeAll(async () => {
  const start = (command: string) => knockon.current.start(command);
  const [api, workflows, effects] = await Promise.all([
    start('api'),
    start('worker workflows'),
    start('worker effects'),
  ]);
  running = { api, workflows, effects };
  acme = await Customer.at(api.url);
});

describe('kill -9 in the middle of a burst of messages', () => {
  it('of any process, loses nothing and doubles nothing in the database', async () => {
    let taken = 0;
    const restarts: Promise<void>[] = [];
    for (const part of ['workflows', 'effects', 'api', 'api'] as const) {
      const before = taken;
      const burst = Array.from({ length: BURST }, (_, i) => `message ${before + i}`);
      const posted = Promise.all(
        burst.map((text) => acme.postPersistently(text).then(() => (taken += 1))),
      );
      await expect.poll(() => taken, { ...soon, interval: 1 }).toBeGreaterThan(before + BURST / 5);
      expect(await running[part].kill()).toEqual({ code: null, signal: 'SIGKILL' });
      restarts.push(restart(part));
      await posted;
    }
    await Promise.all(restarts);
    await settled(knockon.current);
    await expectOnce(knockon.current, acme, 4 * BURST);
  });
});

/** The same command again. */
async function restart(part: keyof typeof running): Promise<void> {
  running[part] = await knockon.current.start(running[part].name);
  acme.url = running.api.url;
}
