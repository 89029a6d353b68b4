import pMap from 'p-map';
import { quietPorts } from '../../processes/quiet-ports.ts';
import type { Ground, Tenant } from './ground.ts';
import type { Bad } from './habit.ts';

/** Endpoints that are made at once, before anything is measured. */
const AT_ONCE = 8;

/** A workspace with `count` endpoints of one kind. */
async function withEndpoints(
  ground: Ground,
  count: number,
  url: (n: number) => string,
): Promise<Tenant> {
  const tenant = await ground.tenant();
  const numbers = Array.from({ length: count }, (_, n) => n);
  await pMap(numbers, (n) => ground.endpoint(tenant, url(n)), { concurrency: AT_ONCE });
  return tenant;
}

const SLOW_WORKSPACES = 100;
const SLOW_MS = 9000;

/** Just within the time that an endpoint has. Under way at once: 45, of 100 workspaces. */
export const slow: Bad = {
  name: 'slow',
  does: `${SLOW_WORKSPACES} workspaces whose endpoints answer after 9 s; 5 messages a second in all`,
  async settleIn(ground) {
    const numbers = Array.from({ length: SLOW_WORKSPACES }, (_, n) => n);
    const tenants = await pMap(
      numbers,
      async (n) => {
        const tenant = await ground.tenant(n);
        await ground.endpoint(tenant, ground.place.receiver.after(SLOW_MS));
        return tenant;
      },
      { concurrency: AT_ONCE },
    );
    return [
      {
        everyMs: 200,
        atOnce: 20,
        act: (n) => ground.post(tenants[n % tenants.length]!, `slow ${n}`),
      },
    ];
  },
};

export const hanging: Bad = {
  name: 'hanging',
  does: '5 endpoints that never answer; a message every 3 s',
  async settleIn(ground) {
    const tenant = await withEndpoints(ground, 5, ground.place.receiver.never);
    return [{ everyMs: 3000, atOnce: 5, act: (n) => ground.post(tenant, `hanging ${n}`) }];
  },
};

export const dead: Bad = {
  name: 'dead',
  does: '5 endpoints where nobody listens; a message a second',
  async settleIn(ground) {
    const [port] = await quietPorts(1);
    const tenant = await withEndpoints(ground, 5, (n) => `http://127.0.0.1:${port}/dead/${n}`);
    return [{ everyMs: 1000, atOnce: 5, act: (n) => ground.post(tenant, `dead ${n}`) }];
  },
};

/**
 * RFC 6761: no resolver knows a name below `.invalid`. How long one takes to say so is the
 * machine's matter.
 */
export const unresolvable: Bad = {
  name: 'unresolvable',
  does: '12 endpoints whose names do not resolve; a message a second',
  async settleIn(ground) {
    const tenant = await withEndpoints(
      ground,
      12,
      (n) => `http://nowhere-${n}.knockon-chaos.invalid/hook`,
    );
    return [{ everyMs: 1000, atOnce: 5, act: (n) => ground.post(tenant, `unresolvable ${n}`) }];
  },
};

export const failing: Bad = {
  name: 'failing',
  does: '301 endpoints that answer 500; a message every 20 s',
  async settleIn(ground) {
    const tenant = await withEndpoints(ground, 301, ground.place.receiver.fails);
    return [{ everyMs: 20_000, atOnce: 2, act: (n) => ground.post(tenant, `failing ${n}`) }];
  },
};
