import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWN_SUBSCRIBERS } from '../../../src/outbox/subscribers.ts';
import { subscribe } from '../../harness/messaging.ts';
import { ProtocolFixture, refusal } from './fixture.ts';

let protocol: ProtocolFixture;
beforeAll(async () => {
  protocol = await ProtocolFixture.open();
});
afterAll(() => protocol.test.close());

describe('register_subscriber', () => {
  it('writes a row with defaults, and the same again changes nothing but its moment', async () => {
    const given = { name: 'ledger', event_types: ['invoice.paid', 'invoice.paid'] };
    const answer = {
      name: 'ledger',
      task_queue: 'effects.ledger',
      activity: 'ledger',
      is_retired: false,
    };
    expect(await protocol.register(given)).toEqual(answer);
    const row = async () =>
      await protocol.pg`select host, event_types, ordering, batch, timeout_ms, retry, again, created_at
        from knockon.subscribers where name = 'ledger'`;
    const before = await row();
    expect(before).toMatchObject([
      {
        host: 'worker',
        event_types: ['invoice.paid'],
        ordering: 'none',
        batch: 2000,
        timeout_ms: 30_000,
        retry: { attempts: 20, initial_ms: 1000, max_ms: 600_000, backoff: 2 },
        again: 'never',
      },
    ]);
    expect(await protocol.register(given)).toEqual(answer);
    expect(await row()).toEqual(before);
  });

  it('takes over what is given anew, and has defaults for the rest of a policy', async () => {
    const retry = { attempts: 4, initial_ms: 50 };
    await protocol.register({
      name: 'ledger',
      event_types: ['*'],
      batch: 10,
      retry,
      again: 'asked',
    });
    const [row] = await protocol.pg`select event_types, batch, retry, again from knockon.subscribers
      where name = 'ledger'`;
    expect(row).toEqual({
      event_types: ['*'],
      batch: 10,
      retry: { attempts: 4, initial_ms: 50, max_ms: 600_000, backoff: 2 },
      again: 'asked',
    });
  });

  it('takes a whole number with a point for one', async () => {
    const given = `{"name": "points", "event_types": ["*"], "batch": 1.0, "timeout_ms": 2000.00,
      "retry": {"attempts": 3.0, "backoff": 1.50}}`;
    await protocol.pg`select knockon.register_subscriber(${given}::text::jsonb)`;
    const [row] = await protocol.pg`select batch, timeout_ms, retry::text as retry
      from knockon.subscribers where name = 'points'`;
    expect(row).toMatchObject({ batch: 1, timeout_ms: 2000 });
    expect(row!.retry).toContain('"backoff": 1.5, "attempts": 3,');
  });

  it('takes a member that is null for one that is not there', async () => {
    const given = { name: 'unset', event_types: ['*'], retry: { attempts: 3 } };
    const read = async () =>
      await protocol.pg`select description, batch, timeout_ms, retry, again, owner, ordering
        from knockon.subscribers where name = 'unset'`;
    await protocol.register(given);
    const rows = await read();
    const unset = { description: null, batch: null, timeout_ms: null, again: null, owner: null };
    const retry = { ...given.retry, initial_ms: null, max_ms: null, backoff: null };
    await protocol.register({ ...given, ...unset, retry, ordering: null, debounce: null });
    expect(await read()).toEqual(rows);
  });

  it('says where its calls are in a deployment that has a name', async () => {
    await protocol.pg`update knockon.deployment set name = 'blue'`;
    const named = await protocol.register({ name: 'ledger', event_types: ['*'] });
    expect(named.task_queue).toBe('blue.effects.ledger');
    await protocol.pg`update knockon.deployment set name = null`;
  });

  it.each([
    [null, /no JSON object, but null/],
    [[], /no JSON object, but array/],
    [{ event_types: ['*'] }, /`name` is missing/],
    [{ name: 'x' }, /`event_types` is missing/],
    [{ name: 'x', event_types: null }, /`event_types` is missing/],
    [{ name: 'x', event_types: [null] }, /`event_types` must be an array/],
    [{ name: 'X', event_types: ['*'] }, /`name` must be a lower-case letter/],
    [{ name: 'x', event_types: [] }, /`event_types` must be an array/],
    [{ name: 'x', event_types: ['paid'] }, /`event_types` must be an array/],
    [{ name: 'x', event_types: ['inv*'] }, /of patterns such as \["invoice.\*"\]/],
    [{ name: 'x', event_types: ['*.paid'] }, /`event_types` must be an array/],
    [{ name: 'x', event_types: [5] }, /`event_types` must be an array/],
    [{ name: 'x', event_types: ['*'], ordering: 'key' }, /`ordering` must be "none": only/],
    [{ name: 'x', event_types: ['*'], debounce: {} }, /`debounce` is for effects .*: leave it out/],
    [{ name: 'x', event_types: ['*'], per_workspace: {} }, /`per_workspace` .* limit them there/],
    [{ name: 'x', event_types: ['*'], batch: 0 }, /`batch` must be a whole number from 1 to 2000/],
    [{ name: 'x', event_types: ['*'], batch: '5' }, /`batch` must be/],
    [{ name: 'x', event_types: ['*'], batch: 1.5 }, /`batch` must be/],
    [{ name: 'x', event_types: ['*'], timeout_ms: 999 }, /`timeout_ms` must be/],
    [{ name: 'x', event_types: ['*'], retry: { tries: 5 } }, /`retry` must be/],
    [{ name: 'x', event_types: ['*'], retry: { backoff: 0.5 } }, /`retry` must be/],
    [{ name: 'x', event_types: ['*'], retry: { backoff: 'two' } }, /`retry` must be/],
    [{ name: 'x', event_types: ['*'], again: true }, /`again` must be/],
    [{ name: 'x', event_types: ['*'], owner: 'no_such_role' }, /`owner` must be a role/],
    [{ name: 'x', event_types: ['*'], url: 'https://…' }, /`url` is no member/],
  ])('refuses %j', async (given, why) => {
    const said = await refusal(protocol.register(given as never));
    expect(said).toMatch(/^KN002 the registration is malformed/);
    expect(said).toMatch(why);
  });

  it('refuses names that Knock-on hosts itself', async () => {
    await subscribe(protocol.test.database, { name: 'ours' });
    for (const name of ['ours', ...OWN_SUBSCRIBERS])
      expect(await refusal(protocol.register({ name, event_types: ['*'] }))).toMatch(
        /^KN007 .*hosted by Knock-on's own workers.*Take another name/,
      );
  });

  it('refuses to register where there is no Temporal', async () => {
    await protocol.pg`update knockon.deployment set transport = 'pg-boss'`;
    const said = await refusal(protocol.register({ name: 'other', event_types: ['*'] }));
    expect(said).toMatch(/^KN008 "other" can't be registered: this deployment runs on pg-boss/);
    await protocol.pg`update knockon.deployment set transport = null`;
  });
});

describe('the role knockon_worker', () => {
  const [own, other] = ['a', 'b'].map((x) => `worker_${x}_${Date.now().toString(36)}`) as [
    string,
    string,
  ];
  const as = (role: string) => {
    const url = new URL(protocol.test.url);
    url.username = role;
    url.password = 'test';
    return postgres(url.href, { max: 1, onnotice: () => {} });
  };
  let mine: postgres.Sql;
  let stranger: postgres.Sql;

  beforeAll(async () => {
    for (const role of [own, other])
      await protocol.pg.unsafe(`create role ${role} login password 'test' in role knockon_worker`);
    mine = as(own);
    stranger = as(other);
  });
  afterAll(() => Promise.all([mine.end(), stranger.end()]));

  const register = (pg: postgres.Sql, more = {}) =>
    pg`select knockon.register_subscriber(
      ${pg.json({ name: 'own', event_types: ['*'], ...more })})`;

  it('does the work of subscribers of its own, and of no other', async () => {
    await register(mine);
    const call = await protocol.aCall('own', 1);
    const events = (pg: postgres.Sql) =>
      pg<{ event: { id: string } }[]>`
        select knockon.open_events(${pg.json(call as never)}) as event`;
    const [{ event } = { event: { id: '' } }] = await events(mine);
    const complete = (pg: postgres.Sql) =>
      pg`select knockon.complete(${pg.json(call as never)}, ${[event.id]}::uuid[]) as id`;
    const report = (pg: postgres.Sql) =>
      pg`select knockon.report(${pg.json(call as never)}, '{"done": 1, "open": []}')`;
    for (const work of [events, complete, report, register])
      expect(await refusal(work(stranger))).toMatch(
        new RegExp(`^42501 the role "${other}" may not work for "own" .*role "${own}"`),
      );
    expect(await complete(mine)).toEqual([{ id: event.id }]);
    await report(mine);
  });

  it('can read and write no table, and call nothing else', async () => {
    for (const text of [
      'select from knockon.events',
      'select from knockon.subscribers',
      `insert into knockon.receipts (event_id, subscriber) values (gen_random_uuid(), 'own')`,
      `select knockon.check_call('{}')`,
      `select knockon.emit('a.paid', gen_random_uuid(), '{}')`,
    ])
      expect(await refusal(mine.unsafe(text))).toMatch(/^42501 /);
    const [may] = await protocol.pg`
      select array_agg(p.proname::text order by 1) as functions from pg_proc p
      where p.pronamespace = 'knockon'::regnamespace
        and has_function_privilege('knockon_worker', p.oid, 'execute')
        and not exists (select from aclexplode(p.proacl) a where a.grantee = 0)`;
    expect(may!.functions).toEqual(['complete', 'open_events', 'register_subscriber', 'report']);
  });

  it('is given a subscriber by its owner, and takes none by itself', async () => {
    expect(await refusal(register(mine, { name: 'other', owner: other }))).toMatch(
      /^KN002 .*owner/,
    );
    await protocol.register({ name: 'given', event_types: ['*'], owner: own });
    await register(mine, { name: 'given' });
    expect(await refusal(register(stranger, { name: 'given' }))).toMatch(/^42501 /);
  });
});
