import { setTimeout as wait } from 'node:timers/promises';
import pMap from 'p-map';
import type { Ground, Tenant } from './ground.ts';
import { type Bad, together } from './habit.ts';

const LONG_MESSAGES = 300;

/** Words that nobody else has: three letters each, and a thousand times in every long text. */
const words = Array.from(
  { length: 676 },
  (_, n) => `q${String.fromCharCode(97 + Math.floor(n / 26), 97 + (n % 26))}`,
);
/** 40,000 characters. @param n turns the words, so that no two texts are the same */
const longText = (n: number) =>
  Array.from({ length: 10_000 }, (_, i) => words[(i * 7 + n) % words.length])
    .join(' ')
    .slice(0, 40_000);
/** As many words as a search may have. */
const chain = (n: number) =>
  encodeURIComponent(
    Array.from({ length: 64 }, (_, i) => words[(i + n * 11) % words.length]).join(' or '),
  );

export const searches: Bad = {
  name: 'searches',
  does: `4 searches at once for 64 words and "or" between them, over ${LONG_MESSAGES} long messages, every 15 s; 8 at once at most`,
  async settleIn(ground) {
    const tenant = await ground.tenant();
    const numbers = Array.from({ length: LONG_MESSAGES }, (_, n) => n);
    await pMap(numbers, (n) => ground.post(tenant, longText(n)), { concurrency: 4 });
    const search = (n: number) => ground.call('GET', `/v1/search?q=${chain(n)}`, tenant.key);
    return [{ everyMs: 15_000, atOnce: 2, act: (n) => together(4, (i) => search(4 * n + i)) }];
  },
};

const CHAIN = 4000;

export const audits: Bad = {
  name: 'audits',
  does: `30 verifications at once of a chain of ${CHAIN} entries, every 15 s`,
  async settleIn(ground) {
    const tenant = await ground.tenant();
    const numbers = Array.from({ length: CHAIN }, (_, n) => n);
    await pMap(numbers, (n) => ground.post(tenant, `entry ${n}`), { concurrency: 32 });
    return [
      {
        everyMs: 15_000,
        atOnce: 2,
        act: () => together(30, () => ground.call('GET', '/v1/audit/verify', tenant.key)),
      },
    ];
  },
};

/**
 * The delivery of an event to an endpoint, once there is one. @throws where there is none within 30
 * s
 */
async function deliveryTo(endpoint: string, { key }: Tenant, ground: Ground): Promise<string> {
  for (let n = 0; n < 60; n += 1) {
    const { data } = await ground.call('GET', `/v1/endpoints/${endpoint}/deliveries`, key);
    const [first] = (data ?? []) as { id: string }[];
    if (first) return first.id;
    await wait(500);
  }
  throw new Error('no message was delivered to an endpoint within 30 s');
}

/** To a healthy endpoint, and to one that takes its time. */
export const sends: Bad = {
  name: 'sends',
  does: '10 tests and 10 redeliveries at once, every 5 s, every third time to an endpoint that answers after 9 s',
  async settleIn(ground) {
    const { takes, after } = ground.place.receiver;
    const tenant = await ground.tenant();
    const endpoints = [
      await ground.endpoint(tenant, takes()),
      await ground.endpoint(tenant, after(9000)),
    ];
    await ground.post(tenant, 'to be sent again');
    const deliveries = await Promise.all(
      endpoints.map((endpoint) => deliveryTo(endpoint, tenant, ground)),
    );
    const act = (n: number) => {
      const which = n % 3 === 2 ? 1 : 0;
      const test = () => ground.call('POST', `/v1/endpoints/${endpoints[which]}/test`, tenant.key);
      const again = () =>
        ground.call('POST', `/v1/deliveries/${deliveries[which]}/redeliver`, tenant.key);
      return Promise.all([together(10, test), together(10, again)]);
    };
    return [{ everyMs: 5000, atOnce: 3, act }];
  },
};

/** From the address that everybody here has. */
export const guesses: Bad = {
  name: 'guesses',
  does: '1,500 wrong keys a minute: workspaces’, an operator’s, and at the sign-in',
  async settleIn(ground) {
    const guess = (n: number) => {
      const key = `ko_guess_${n}_${Math.random().toString(36).slice(2)}`;
      if (n % 3 === 0) return ground.call('GET', '/v1/channels', key);
      if (n % 3 === 1) return ground.call('GET', '/v1/ops/subscribers', key);
      const headers = { 'knockon-console': '1' };
      return ground.client.once({
        method: 'POST',
        path: '/console/session',
        key: '',
        body: { key },
        headers,
      });
    };
    // More than an address may make, early in each minute: what comes after them is what is looked
    // at.
    return [
      {
        everyMs: 1000,
        atOnce: 8,
        act: async (n) => (n % 60 < 25 ? await together(60, (i) => guess(60 * n + i)) : undefined),
      },
    ];
  },
};
