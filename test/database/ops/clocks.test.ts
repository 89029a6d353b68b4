import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { replay } from '../../../src/ops/operations/replay.ts';
import { subscribe } from '../../harness/messaging.ts';
import { OPERATOR, useApi } from '../api/test-api.ts';

const api = useApi();
beforeAll(async () => {
  await subscribe(api.database, { name: 'search' });
});
afterEach(() => vi.useRealTimers());

/** What an API process does whose clock is fast by so many ms, or slow. */
async function byClock<T>(ms: number, work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ now: Date.now() + ms, toFake: ['Date'] });
  return await work().finally(() => vi.useRealTimers());
}

const operator = (path: string, body: unknown) => api.call('POST', path, { key: OPERATOR, body });
const readOperation = async (id: string) => {
  const [row] = await api.database.pg`select * from knockon.operations where id = ${id}`;
  return row as never;
};
const deps = () => ({ pg: api.database.pg, transport: {}, recovery: {} }) as never;

test.each([
  ['of the API that is asked is 300 s slow', 0, -300_000],
  ['of the API that took an event is 300 s fast', 300_000, 0],
])(
  'a replay without an end takes every event that is there where the clock %s, and none that comes later',
  async (_, posting, asking) => {
    const channelId = await api.channel();
    await byClock(posting, () => api.post(channelId));
    const filter = { channel_id: channelId, type: 'message.created' };
    const asked = () => operator('/v1/ops/replays', filter);
    const { id } = (await byClock(asking, asked)).body;
    expect(await replay.count(deps(), await readOperation(id))).toBe(1);
    await byClock(posting + 1000, () => api.post(channelId));
    await replay.step(deps(), await readOperation(id), 10);
    expect(await readOperation(id)).toMatchObject({ done: 1, skipped: 1, exhausted: true });
  },
);

test.each([
  ['fast', 300_000],
  ['slow', -300_000],
])(
  'whether the end of a pause is still to come goes by the database, where the clock of the API is 300 s %s',
  async (_, shift) => {
    const until = (ms: number) => {
      const body = { reason: 'a test', until: new Date(Date.now() + ms).toISOString() };
      return byClock(shift, () => operator('/v1/ops/subscribers/search/pause', body));
    };
    expect((await until(60_000)).status).toBe(200);
    expect(await until(-60_000)).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'until', message: 'must be a moment that is still to come' }] },
    });
  },
);
