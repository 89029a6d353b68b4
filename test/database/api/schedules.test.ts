import { beforeAll, describe, expect, it } from 'vitest';
import { declareTypes } from '../../harness/event-types.ts';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();
const ops = (method: string, path: string, body?: unknown, headers = {}) =>
  api.call(method, `/v1/ops/schedules${path}`, { key: OPERATOR, body, headers });
const given = (changes = {}) => ({
  workspace_id: api.workspaceId,
  cron: '0 9 * * 1',
  zone: 'Europe/Berlin',
  event_type: 'digest.due',
  ...changes,
});
const events = async () =>
  (await api.call('GET', '/v1/events?type=digest.due')).body.data.map(
    ({ id, payload, key }: Record<string, unknown>) => ({ id, payload, key }),
  );

beforeAll(() => declareTypes(api.database, ['digest.due'], { schema: { type: 'object' } }));

describe('PUT /v1/ops/schedules/{name}', () => {
  it('makes a schedule that says when it runs next', async () => {
    const { status, body } = await ops('PUT', '/weekly', given());
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'weekly',
      ...given(),
      payload: { scheduled_at: '$scheduled_at' },
      key: null,
      catch_up_seconds: 86_400,
      overlap: 'allow',
      state: 'active',
      last_run: null,
      missed: null,
      last_error: null,
      runs: [],
    });
    expect(body.next[0]).toBe(body.next_at);
    expect(body.next).toHaveLength(10);
    for (const at of body.next) expect(new Date(at).getUTCDay()).toBe(1);
  });

  it('changes nothing the second time, and another one only where that is asked for', async () => {
    const made = await ops('PUT', '/twice', given());
    expect((await ops('PUT', '/twice', given())).body).toEqual(made.body);
    const other = given({ cron: '0 8 * * 1', key: 'k' });
    const refused = await ops('PUT', '/twice', other);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain('another cron, another key');
    const changed = await ops('PUT', '/twice?replace=true', other);
    expect(changed.body).toMatchObject({ cron: '0 8 * * 1', key: 'k' });
    const logged = await api.call('GET', '/v1/ops/log?subject=twice', { key: OPERATOR });
    expect(logged.body.data).toMatchObject([
      { verb: 'set schedule', detail: { changed: ['cron', 'key'] } },
      { verb: 'set schedule', detail: { cron: '0 9 * * 1', event_type: 'digest.due' } },
    ]);
  });

  it('refuses what could never be emitted, and says what is wrong where', async () => {
    await declareTypes(api.database, ['bill.sent']);
    const wrong: [Record<string, unknown>, string, string][] = [
      [{ cron: 'often' }, 'cron', 'five fields'],
      [{ zone: 'Europe/Berln' }, 'zone', 'Europe/Berlin'],
      [{ event_type: 'digest.done' }, 'event_type', 'did you mean digest.due?'],
      [{ event_type: 'message.created' }, 'event_type', 'Knock-on itself'],
      [{ event_type: 'bill.sent', payload: {} }, 'payload', 'amount'],
      [{ key: await api.channel() }, 'key', 'is the id of a channel'],
      [{ payload: [] }, 'payload', 'must be a JSON object'],
      [{ catch_up_seconds: 1 }, 'catch_up_seconds', 'must be at least 60'],
      [{ catch_up_seconds: 1e9 }, 'catch_up_seconds', 'must be at most 31536000'],
      [{ overlap: 'buffer' }, 'overlap', 'allow or skip'],
    ];
    for (const [changes, path, message] of wrong) {
      const { status, body } = await ops('PUT', '/wrong', given(changes));
      expect([changes, status]).toEqual([changes, 422]);
      expect(body.errors[0].path).toContain(path);
      expect(JSON.stringify(body.errors)).toContain(message);
    }
    const nobody = given({ workspace_id: '01995b0e-0000-7000-8000-000000000000' });
    expect((await ops('PUT', '/wrong', nobody)).body.detail).toContain('no such workspace');
    expect((await ops('PUT', '/No', given())).body.errors[0].path).toBe('name');
    expect((await ops('GET', '/wrong')).status).toBe(404);
    expect((await ops('GET', '/nope')).body.detail).toBe('There is no such schedule.');
    expect((await ops('GET', '/weekl')).body.detail).toContain('did you mean weekly?');
  });
});

describe('a schedule', () => {
  it('is listed by name, also of one workspace alone', async () => {
    await ops('PUT', '/a-list', given());
    const other = await api.workspace();
    await ops('PUT', '/b-list', given({ workspace_id: other.id }));
    const names = async (query: string) =>
      (await ops('GET', query)).body.data.map(({ name }: { name: string }) => name);
    expect(await names(`?workspace_id=${other.id}`)).toEqual(['b-list']);
    const first = await ops('GET', '?limit=1');
    const rest = await names(`?cursor=${encodeURIComponent(first.body.next_cursor)}`);
    expect([first.body.data[0].name, ...rest]).toEqual(await names(''));
  });

  it('is triggered by several at once, each of whom has a run', async () => {
    await ops('PUT', '/often', given());
    const runs = await Promise.all(
      Array.from({ length: 30 }, () => ops('POST', '/often/trigger', {})),
    );
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(runs.map(({ body }) => body.event_id)).size).toBe(30);
    await ops('DELETE', '/often');
    await api.database.pg`delete from knockon.events where type = 'digest.due'`;
  });

  it('is paused, resumed, triggered while it is paused, and deleted', async () => {
    await ops('PUT', '/hourly', given({ cron: '0 * * * *', payload: { at: '$scheduled_at' } }));
    const paused = await ops('POST', '/hourly/pause', { reason: 'holidays' });
    expect(paused.body).toMatchObject({
      state: 'paused',
      paused: { by: 'operator', reason: 'holidays' },
      next_at: null,
    });
    const once = { 'idempotency-key': 'once' };
    const run = await ops('POST', '/hourly/trigger', undefined, once);
    expect(run.status).toBe(200);
    expect(await ops('POST', '/hourly/trigger', undefined, once)).toMatchObject({ body: run.body });
    const { event_id: id, at } = run.body;
    expect(await events()).toEqual([{ id, payload: { at }, key: null }]);
    const resumed = await ops('POST', '/hourly/resume');
    expect(resumed.body).toMatchObject({ state: 'active', paused: null, last_run: run.body });
    expect(Date.parse(resumed.body.next_at)).toBeGreaterThan(Date.now());
    expect((await ops('DELETE', '/hourly')).status).toBe(204);
    for (const verb of ['resume', 'trigger'])
      expect((await ops('POST', `/hourly/${verb}`)).status).toBe(404);
    expect((await ops('DELETE', '/hourly')).status).toBe(404);
    expect(await events()).toHaveLength(1);
    const logged = await api.call('GET', '/v1/ops/log?subject=hourly', { key: OPERATOR });
    expect(logged.body.data.map(({ verb }: { verb: string }) => verb)).toEqual([
      'delete schedule',
      'resume schedule',
      'trigger schedule',
      'pause schedule',
      'set schedule',
    ]);
  });

  it('emits the runs of a time once, however often they are backfilled', async () => {
    const timetable = { cron: '0 * * * *', key: 'hours', payload: { at: '$scheduled_at' } };
    await ops('PUT', '/filled', given(timetable));
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    const range = (from: number, to: number) => ({
      from: new Date(hour - from * 3_600_000).toISOString(),
      to: new Date(hour - to * 3_600_000).toISOString(),
    });
    const [first, again] = await Promise.all([
      ops('POST', '/filled/backfill', range(5, 2)),
      ops('POST', '/filled/backfill', range(5, 2)),
    ]);
    expect(first.body.due).toBe(4);
    expect(first.body.emitted.length + again.body.emitted.length).toBe(4);
    const more = await ops('POST', '/filled/backfill', range(7, 1));
    expect(more.body).toMatchObject({ due: 7 });
    expect(more.body.emitted).toHaveLength(3);
    const keyed = (await events()).filter(({ key }: { key: string }) => key === 'hours');
    expect(new Set(keyed.map(({ payload }: { payload: { at: string } }) => payload.at)).size).toBe(
      7,
    );
    expect(keyed).toHaveLength(7);
  });

  it('tells no more that runs were missed once a backfill has emitted them', async () => {
    await ops('PUT', '/late', given({ cron: '*/12 * * * *' }));
    const from = new Date(Date.now() - 5 * 3_600_000);
    const [middle, to] = [2, 4].map((hours) => new Date(from.getTime() + hours * 3_600_000));
    await api.database.pg`update knockon.schedules set missed_from = ${from}, missed_to = ${to!}
      where name = 'late'`;
    const missed = async () => (await ops('GET', '/late')).body.missed;
    const told = await missed();
    expect(told).toEqual({ from: from.toISOString(), to: to!.toISOString() });
    await ops('POST', '/late/backfill', { from: middle!, to: to! });
    expect(await missed()).toEqual(told);
    await ops('POST', '/late/backfill', { from: told.from, to: middle! });
    const rest = new Date(middle!.getTime() + 1).toISOString();
    expect(await missed()).toEqual({ from: rest, to: told.to });
    await ops('POST', '/late/backfill', { from: rest, to: told.to });
    expect(await missed()).toBeNull();
  });

  it('whose payload does not fit its type any more is neither triggered nor backfilled', async () => {
    await declareTypes(api.database, ['bill.due'], { schema: { type: 'object' } });
    const event_type = 'bill.due';
    await ops('PUT', '/outgrown', given({ cron: '0 0 * * *', event_type, payload: {} }));
    await declareTypes(api.database, ['bill.due'], { version: 2 });
    const from = new Date(Date.now() - 3 * 86_400_000).toISOString();
    for (const refused of [
      await ops('POST', '/outgrown/trigger', {}),
      await ops('POST', '/outgrown/backfill', { from }),
    ]) {
      expect(refused.status).toBe(422);
      expect(refused.body.errors).toEqual([{ path: 'payload.amount', message: 'is missing' }]);
    }
    expect((await ops('GET', '/outgrown')).body.runs).toEqual([]);
    const fits = given({ cron: '0 0 * * *', event_type, payload: { amount: 5 } });
    await ops('PUT', '/outgrown?replace=true', fits);
    expect((await ops('POST', '/outgrown/trigger', {})).status).toBe(200);
  });

  it('refuses a backfill of what is to come, is long ago, or is too much', async () => {
    await ops('PUT', '/often', given({ cron: '* * * * *' }));
    const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const wrong: [object, string, string][] = [
      [{ from: at(-1), to: at(1) }, 'to', 'in the future'],
      [{ from: at(-1), to: at(-2) }, 'from', 'must not be after'],
      [{ from: at(-24 * 91) }, 'from', '90 days'],
      [{ from: at(-24) }, 'to', 'more than 500 runs'],
    ];
    for (const [range, path, message] of wrong) {
      const { status, body } = await ops('POST', '/often/backfill', range);
      expect([range, status, body.errors[0].path]).toEqual([range, 422, path]);
      expect(body.errors[0].message).toContain(message);
    }
  });
});
