import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordDeadLetters } from '../../../src/activities/runtime/dead-letters.ts';
import { type Answer, defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { dead, later, retry } from '../../../src/activities/runtime/outcomes.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { connectDatabase, type Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { claim } from '../../../src/outbox/claim.ts';
import type { EffectCall, OpenOutcome, Selection } from '../../../src/transport/dispatch.ts';
import { CallFailure } from '../../../src/transport/retry/failure.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
  await subscribe(test.database, { name: 'x' });
  await test.database.pg`create table happened (effect text, event_id uuid)`;
});
afterAll(() => test.close());

let effects = 0;
const named = () => {
  effects += 1;
  return `effect-${effects}`;
};
const noting = (name: string) => async (tx: Transaction, events: DomainEvent[]) => {
  for (const event of events)
    await tx.execute(sql`insert into happened values (${name}, ${event.id})`);
};
const happened = async (name: string) =>
  (await test.database.pg`select event_id from happened where effect = ${name}`).map(
    (row) => row.event_id,
  );

/** A dispatch of `n` messages of so many workspaces, and how to call an effect for it. */
async function aDispatch(n: number, workspaces = 1) {
  const channels = await Promise.all(
    Array.from({ length: workspaces }, () => aChannel(test.database)),
  );
  const writer = aWriter(test.database);
  await Promise.all(
    Array.from({ length: n }, (_, i) =>
      writer.post(aMessage(channels[i % workspaces]!, { text: `${i}` })),
    ),
  );
  const [claimed] = await claim(test.database.pg, 500);
  if (claimed?.size !== n) throw new Error('the dispatch is not of these messages alone');
  const rows = await test.database
    .pg`select event_id from knockon.outbox where dispatch_id = ${claimed.id} order by event_id`;
  const ids = rows.map((row) => String(row.event_id));
  const call = (
    effect: Effect,
    events: Selection = { offset: 0, limit: n },
    rest: Partial<EffectCall> = {},
  ) =>
    answer(
      effect,
      test.database.db,
      { dispatch_id: claimed.id, subscriber: effect.name, events, alone: false, ...rest },
      new AbortController().signal,
    );
  return { id: claimed.id, ids, call };
}
const receipts = async (name: string) =>
  (await test.database.pg`select event_id from knockon.receipts where subscriber = ${name}`).map(
    (row) => row.event_id,
  );
const attempts = (name: string) => test.database.pg`
  select event_id, target, attempts, last_error, waiting_until from knockon.attempts where subscriber = ${name} order by event_id, target`;

describe('an effect that changes the database', () => {
  const define = (
    transact: (tx: Transaction, events: DomainEvent[]) => Promise<void>,
    name = named(),
  ) => defineEffect({ name, description: '', on: ['message.created'], transact });

  it('is given the events as they are in the log, in the order of their channel', async () => {
    const { call } = await aDispatch(3);
    let seen: DomainEvent[] = [];
    await call(
      define(async (_tx, events) => {
        seen = events;
      }),
    );
    expect(seen.map((event) => event.seq)).toEqual([1, 2, 3]);
    expect(seen[0]).toMatchObject({
      type: 'message.created',
      version: 1,
      payload: { text: '0', author: 'anna' },
    });
    expect(seen[0]?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('holds no connection while it waits to read its events', async () => {
    const { id, ids } = await aDispatch(8);
    const name = named();
    const small = connectDatabase(test.url, { connections: 2 });
    await small.db.execute(sql`select 1`);
    const answers = await Promise.all(
      ids.map((one) =>
        answer(
          define(noting(name), name),
          small.db,
          { dispatch_id: id, subscriber: name, events: { ids: [one] }, alone: true },
          new AbortController().signal,
        ),
      ),
    );
    await small.close();
    expect(answers).toEqual(ids.map(() => ({ done: 1, open: [] })));
  });

  it('happens once however often it is called', async () => {
    const { call, ids } = await aDispatch(5);
    const name = named();
    const effect = define(noting(name), name);
    await Promise.all([call(effect), call(effect), call(effect, { ids: ids.slice(2) })]);
    await call(effect);
    expect((await happened(name)).sort()).toEqual(ids);
    expect((await receipts(name)).sort()).toEqual(ids);
  });

  it('leaves neither receipt nor change when it throws', async () => {
    const { call } = await aDispatch(2);
    const name = named();
    const effect = define(async (tx, events) => {
      await noting(name)(tx, events);
      throw new Error('no');
    }, name);
    await expect(call(effect)).rejects.toMatchObject({ type: 'EffectPoison', message: 'no' });
    expect([await happened(name), await receipts(name)]).toEqual([[], []]);
  });

  it('writes receipts for what is done and says what is not', async () => {
    const { call, ids } = await aDispatch(4);
    const name = named();
    const until = new Date(Date.now() + 60_000);
    const effect = defineEffect({
      name,
      description: '',
      on: ['message.created'],
      transact: async (_tx, [a, b, c]) => [
        retry(a!, 'busy', { after_ms: 5 }),
        later(b!, until),
        dead(c!, 'hopeless', { cause: 'hope' }),
      ],
    });
    const result = await call(effect);
    expect(result.done).toBe(1);
    expect(result.open).toEqual([
      { event_id: ids[0], state: 'retry', reason: 'busy', after_ms: 5 },
      {
        event_id: ids[1],
        state: 'later',
        until: expect.any(String),
        in_ms: expect.toSatisfy((ms: number) => ms > 50_000 && ms <= 60_000),
      },
      { event_id: ids[2], state: 'dead', reason: 'hopeless', cause: 'hope' },
    ]);
    expect(await receipts(name)).toEqual([ids[3]]);
    expect(await attempts(name)).toMatchObject([
      { event_id: ids[0], attempts: 1, last_error: 'busy', waiting_until: null },
      {
        event_id: ids[1],
        attempts: 0,
        last_error: null,
        waiting_until: expect.toSatisfy(
          (at: Date) => Math.abs(at.getTime() - until.getTime()) < 5000,
        ),
      },
      { event_id: ids[2], attempts: 1, last_error: 'hopeless' },
    ]);
  });

  it('throws for a single event, so that Temporal decides when it is tried again', async () => {
    const { call, ids } = await aDispatch(1);
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      transact: async (_tx, [event]) => [
        retry(event!, 'slow down', { cause: 'HTTP 429', after_ms: 7000 }),
      ],
    });
    const failure = await call(effect, { ids }, { alone: true }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallFailure);
    expect(failure).toMatchObject({
      type: 'EffectRetry',
      message: 'slow down',
      shortCause: 'HTTP 429',
      afterMs: 7000,
    });
    await call(effect, { ids }, { alone: true }).catch(() => {});
    expect(await attempts(effect.name)).toMatchObject([{ attempts: 2, last_error: 'slow down' }]);
  });

  it('answers its dead letters when it succeeds after all', async () => {
    const { call, id } = await aDispatch(2);
    const name = named();
    const letters = {
      dispatch_id: id,
      subscriber: name,
      letters: [{ events: { offset: 0, limit: 2 }, cause: 'x', reason: 'y' }],
    };
    await recordDeadLetters(test.database.db, letters);
    await recordDeadLetters(test.database.db, letters);
    expect(
      await test.database
        .pg`select cause, reason from knockon.dead_letters where subscriber = ${name}`,
    ).toEqual(Array(2).fill({ cause: 'x', reason: 'y' }));
    await call(define(async () => {}, name));
    expect(
      await test.database.pg`select 1 from knockon.dead_letters where subscriber = ${name}`,
    ).toEqual([]);
    await recordDeadLetters(test.database.db, letters);
    expect(
      await test.database.pg`select 1 from knockon.dead_letters where subscriber = ${name}`,
    ).toEqual([]);
  });

  it('writes no dead letter for an event of another dispatch', async () => {
    const [own, other] = [await aDispatch(1), await aDispatch(1)];
    const name = named();
    await recordDeadLetters(test.database.db, {
      dispatch_id: own.id,
      subscriber: name,
      letters: [{ events: { ids: [...own.ids, ...other.ids] }, cause: 'x', reason: 'y' }],
    });
    expect(
      await test.database.pg`select event_id from knockon.dead_letters where subscriber = ${name}`,
    ).toEqual(own.ids.map((event_id) => ({ event_id })));
  });

  it('runs one call at a time for a workspace where it is exclusive', async () => {
    const { call, ids } = await aDispatch(8);
    let [inside, most] = [0, 0];
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      ordering: 'exclusive',
      async transact(tx) {
        inside += 1;
        most = Math.max(most, inside);
        await tx.execute(sql`select pg_sleep(0.01)`);
        inside -= 1;
      },
    });
    await Promise.all(ids.map((id) => call(effect, { ids: [id] })));
    expect(most).toBe(1);
  });
});

describe('an effect that calls the outside', () => {
  it('is not given what already has its receipt', async () => {
    const { call, ids } = await aDispatch(3);
    const given: string[][] = [];
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform(events) {
        given.push(events.map((event) => event.id));
        return given.length === 1 ? [retry(events[0]!, 'down')] : undefined;
      },
    });
    await call(effect);
    await call(effect);
    await call(effect);
    expect(given).toEqual([ids, [ids[0]]]);
    expect((await receipts(effect.name)).sort()).toEqual(ids);
  });

  it('has no receipt for the event while one of its targets is open', async () => {
    const { call, ids } = await aDispatch(1);
    const open = new Set(['a', 'b']);
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform([event], { target }) {
        if (target) open.delete(target);
        return target
          ? undefined
          : [...open].map((name) => retry({ event: event!, target: name }, `${name} is down`));
      },
    });
    expect(
      (await call(effect, { ids }, { alone: true })).open.map((outcome) => outcome.target),
    ).toEqual(['a', 'b']);
    await call(effect, { ids }, { alone: true, target: 'a' });
    expect(await receipts(effect.name)).toEqual([]);
    await call(effect, { ids }, { alone: true, target: 'b' });
    expect(await call(effect, { ids }, { alone: true })).toEqual({ done: 1, open: [] });
    expect(await receipts(effect.name)).toEqual(ids);
  });
});

describe('a call for several targets of an event', () => {
  const shown = (open: OpenOutcome[]) => open.map(({ target, state }) => [target, state]);

  it('calls an effect that knows nothing of that for each of them, and what one throws is a try of its own', async () => {
    const { call, ids } = await aDispatch(1);
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform([event], { target }) {
        if (target === 'b') throw new Error('b broke');
        return target === 'c' ? [retry({ event: event!, target }, 'c is down')] : undefined;
      },
    });
    const { open } = await call(
      effect,
      { ids },
      { alone: true, tried: 1, targets: ['a', 'b', 'c'] },
    );
    expect(shown(open)).toEqual([
      ['b', 'retry'],
      ['c', 'retry'],
    ]);
    expect(open[0]).toMatchObject({ reason: 'b broke', cause: 'Error: b broke' });
    expect(await receipts(effect.name)).toEqual([]);
  });

  it('calls one that takes several once, and answers the dead letters of those that are done', async () => {
    const { call, ids } = await aDispatch(1);
    const asked: unknown[] = [];
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      manyTargets: true,
      async perform([event], { target, targets }) {
        asked.push([target, targets]);
        return [retry({ event: event!, target: 'b' }, 'b is down')];
      },
    });
    for (const target of ['a', 'b'])
      await test.database
        .pg`insert into knockon.dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
        select ${ids[0]!}, ${effect.name}, ${target}, dispatch_id, 'x', 'x' from knockon.dispatched where event_id = ${ids[0]!}`;
    expect(
      shown((await call(effect, { ids }, { alone: true, tried: 1, targets: ['a', 'b'] })).open),
    ).toEqual([['b', 'retry']]);
    expect(asked).toEqual([[undefined, ['a', 'b']]]);
    expect(
      await test.database
        .pg`select target from knockon.dead_letters where subscriber = ${effect.name}`,
    ).toEqual([{ target: 'b' }]);
  });

  it('gives an ordered effect one of them, and the others again at once', async () => {
    const { call, ids } = await aDispatch(1);
    const asked: unknown[] = [];
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      ordering: 'key',
      async perform(_, { target }) {
        asked.push(target);
      },
    });
    const { open } = await call(effect, { ids }, { alone: true, tried: 1, targets: ['a', 'b'] });
    expect(asked).toEqual(['a']);
    expect(open).toMatchObject([{ event_id: ids[0], target: 'b', state: 'later', in_ms: 0 }]);
  });

  it('parts events of several workspaces at their first call, and those of one never', async () => {
    const parted: unknown[] = [];
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform(_, { parts }) {
        parted.push(parts);
      },
    });
    for (const workspaces of [1, 2]) {
      const { call, ids } = await aDispatch(2, workspaces);
      await call(effect, { offset: 0, limit: 1 });
      await test.database.pg`delete from knockon.receipts where subscriber = ${effect.name}`;
      await call(effect, { offset: 0, limit: 2 });
      await test.database.pg`delete from knockon.receipts where subscriber = ${effect.name}`;
      await call(effect, { ids });
    }
    expect(parted).toEqual([false, false, false, false, true, false]);
  });

  it('parts those of one workspace too where the answer is for others as well: a page, or what is left', async () => {
    let parted: unknown;
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform(_, { parts }) {
        parted = parts;
      },
    });
    const { call, ids } = await aDispatch(2, 2);
    await test.database
      .pg`insert into knockon.receipts (event_id, subscriber) values (${ids[0]!}, ${effect.name})`;
    await call(effect);
    expect(parted).toBe(true);
  });
});

describe('an effect that answers what it must not', () => {
  type Answering = (events: DomainEvent[]) => unknown;
  const nonsense: [string, Answering, string][] = [
    ['what a map of promises comes to', (events) => events.map(() => undefined), 'undefined in it'],
    ['results', (events) => events.map(() => ({ ok: true })), 'an array with an object in it'],
    ['the events', (events) => events, 'an array with an object in it'],
    ['true', () => true, 'a boolean'],
    ['an object', () => ({ ok: true }), 'an object'],
    [
      'another event',
      () => [dead({ id: '01890000-0000-7000-8000-000000000000' }, 'no')],
      'for an event that it was not given',
    ],
    ['no reason', of({ state: 'dead' }), 'dead without a reason'],
    ['an unknown state', of({ state: 'sometime' }), 'a state other than retry, later and dead'],
    ['no moment', of({ state: 'later', until: 'soon' }), 'later without a moment'],
    ['no wait', of({ state: 'retry', reason: 'x', after_ms: Number.NaN }), 'after_ms that is no'],
    ['no text', of({ state: 'retry', reason: 'x', cause: 5 }), 'a cause that is no text'],
    [
      'one twice',
      (events) => [
        ...of({ state: 'dead', reason: 'x' })(events),
        ...of({ state: 'dead', reason: 'y' })(events),
      ],
      'twice for one event',
    ],
  ];

  function of(outcome: object) {
    return (events: DomainEvent[]) => events.map(({ id }) => ({ event_id: id, ...outcome }));
  }

  it.each(nonsense)(
    'has called the outside once, and has dead letters that say so: %s',
    async (_, answered, why) => {
      const { call, ids } = await aDispatch(2);
      const name = named();
      const called: string[] = [];
      const effect = defineEffect({
        name,
        description: '',
        on: ['message.created'],
        async perform(events) {
          called.push(...events.map(({ id }) => id));
          return answered(events) as Answer;
        },
      });
      const { done, open } = await call(effect);
      expect({ done, called: called.sort() }).toEqual({ done: 0, called: ids });
      const letter = {
        state: 'dead',
        cause: 'malformed answer',
        reason: expect.stringContaining(why),
      };
      expect(open).toEqual(ids.map((event_id) => expect.objectContaining({ event_id, ...letter })));
      expect(open).toMatchObject([
        { reason: expect.stringContaining(`the effect ${name} answered`) },
        {},
      ]);
      expect(await receipts(name)).toEqual([]);
    },
  );

  it.each(['none', 'key'] as const)('has changed nothing in our database: %s', async (ordering) => {
    const { call, ids } = await aDispatch(2);
    const name = named();
    const effect = defineEffect({
      name,
      description: '',
      on: ['message.created'],
      ordering,
      onPoison: ordering === 'key' ? 'park' : undefined,
      async transact(tx, events) {
        await noting(name)(tx, events);
        return events.flatMap(({ id }) => (id === ids[0] ? { state: 'dead' } : [])) as never;
      },
    });
    if (ordering === 'none') await expect(call(effect)).rejects.toThrow(CallFailure);
    const one = { ids: ids.slice(0, 1) };
    const { done, open } = await (ordering === 'none'
      ? call(effect, one, { alone: true })
      : call(effect));
    expect({ done, open }).toEqual({
      done: ordering === 'none' ? 0 : 1,
      open: [
        expect.objectContaining({ event_id: ids[0], state: 'dead', cause: 'malformed answer' }),
      ],
    });
    expect(await happened(name)).toEqual(ordering === 'none' ? [] : ids.slice(1));
    expect(await receipts(name)).toEqual(ordering === 'none' ? [] : ids.slice(1));
  });

  it('says what it must of the other events', async () => {
    const { call, ids } = await aDispatch(3);
    const effect = defineEffect({
      name: named(),
      description: '',
      on: ['message.created'],
      async perform([first, second]) {
        return [retry(first!, 'busy'), { event_id: second!.id, state: 'dead' } as never];
      },
    });
    const { done, open } = await call(effect);
    expect(done).toBe(1);
    expect(open).toMatchObject([
      { event_id: ids[0], state: 'retry', reason: 'busy' },
      { event_id: ids[1], state: 'dead', cause: 'malformed answer' },
    ]);
  });

  it('may quote characters that no text in Postgres holds', async () => {
    const { call } = await aDispatch(1);
    const name = named();
    const effect = defineEffect({
      name,
      description: '',
      on: ['message.created'],
      perform: async ([event]) => [dead(event!, 'it said a\0b')],
    });
    expect(await call(effect)).toMatchObject({ done: 0, open: [{ state: 'dead' }] });
    expect(await attempts(name)).toMatchObject([{ last_error: 'it said ab' }]);
  });
});

describe('an effect that is declared wrongly', () => {
  const right = {
    name: 'fine',
    description: '',
    on: ['message.created'],
    transact: async () => {},
  };
  it.each([
    [{ name: 'Not Fine' }, 'its name must be'],
    [{ on: [] }, '`on` is empty'],
    [{ on: ['vanish_message'] }, 'reads as a command'],
    [{ batch: 0 }, 'batch 0'],
    [{ timeout: 'soon' as '1s' }, '"soon" is not a duration'],
    [{ retry: { attempts: -1 } }, 'retry.attempts -1'],
    [{ retry: { backoff: 0.5 } }, 'backoff 0.5'],
  ])('is refused: %j', (wrong, why) => {
    expect(() => defineEffect({ ...right, ...wrong })).toThrow(why);
  });
});
