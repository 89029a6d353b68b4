import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useApi } from './test-api.ts';

const api = useApi();
let psql: Sql;
let other: string;

beforeAll(async () => {
  psql = postgres(api.url, { max: 1 });
  other = (await api.workspace()).api_key;
});
afterAll(() => psql?.end());

const putMember = (handle: string, key?: string) =>
  api.call('PUT', `/v1/members/${handle}`, { body: {}, ...(key && { key }) });
const statuses = async (calls: ReturnType<typeof api.call>[]) =>
  (await Promise.all(calls)).map(({ status }) => status);

/** What one workspace asks while 24 changes of another wait for a row that is held. */
async function beside(change: (nth: number) => ReturnType<typeof api.call>, lock: string) {
  let theirs: number[] = [];
  await psql.begin(async (tx) => {
    await tx.unsafe(`${lock} for update`);
    const waiting = Promise.all(Array.from({ length: 24 }, (_, nth) => change(nth)));
    await expect
      .poll(async () => {
        const [row] = await tx`select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`;
        return row?.n;
      })
      .toBeGreaterThan(0);
    const fresh = (await api.workspace()).api_key;
    const asked = statuses([
      api.call('GET', '/v1/channels', { key: fresh }),
      api.call('GET', '/v1/channels', { key: other }),
      putMember('bob', other),
    ]);
    theirs = await Promise.race([asked, waiting.then(() => [])]);
  });
  return theirs;
}

describe('a row of one workspace that another transaction holds', () => {
  it('keeps its own changes waiting, and nobody else: a member', async () => {
    await putMember('ada');
    const lock = `select from knockon.members where workspace_id = '${api.workspaceId}'`;
    expect(await beside(() => putMember('ada'), lock)).toEqual([200, 200, 200]);
  });

  it('keeps its own changes waiting, and nobody else: an endpoint', async () => {
    const body = { url: 'https://example.com/', event_types: ['message.created'] };
    const { id } = (await api.call('POST', '/v1/endpoints', { body })).body;
    const change = () => api.call('PATCH', `/v1/endpoints/${id}`, { body: { description: 'x' } });
    const lock = `select from knockon.endpoints where id = '${id}'`;
    expect(await beside(change, lock)).toEqual([200, 200, 200]);
  });

  it('keeps its own changes waiting, and nobody else: an Idempotency-Key, of a test too', async () => {
    const body = { url: 'https://example.com/', event_types: ['message.created'] };
    const { id } = (await api.call('POST', '/v1/endpoints', { body })).body;
    const again = (nth: number) =>
      api.call('POST', `/v1/endpoints/${id}/test`, { headers: { 'idempotency-key': `a ${nth}` } });
    await Promise.all(Array.from({ length: 24 }, (_, nth) => again(nth)));
    const lock = `select from knockon.idempotency_keys where key like 'a %'`;
    expect(await beside(again, lock)).toEqual([200, 200, 200]);
  });
});
