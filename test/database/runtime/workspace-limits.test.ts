import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  defineEffect,
  type Effect,
  type WorkspaceLimit,
} from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { groupBy } from '../../../src/group-by.ts';
import { limitWorkspaces } from '../../../src/ops/controls/workspace-limit.ts';
import { readEventJourney } from '../../../src/ops/inspect/journey.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { register } from '../../../src/outbox/subscribers.ts';
import type { EffectCall, OpenOutcome } from '../../../src/transport/dispatch.ts';
import { slices } from '../../../src/transport/retry/selection.ts';
import { registration } from '../../../src/workers/effect-settings.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';

let test_: TestDatabase;
let effects = 0;

beforeAll(async () => {
  test_ = await freshDatabase({ connections: 16 });
  await declareTypes(test_.database, ['lead.added'], { schema: { type: 'object' } });
});
afterAll(() => test_.close());

const pg = () => test_.database.pg;

async function aWorkspace(): Promise<string> {
  const [row] = await pg()<{ id: string }[]>`
    insert into knockon.workspaces (name) values ('Acme') returning id`;
  return row!.id;
}

type Perform = (events: DomainEvent[], call: { signal: AbortSignal }) => Promise<void>;

/** Registers an effect of a name of its own. */
async function anEffect(perWorkspace: WorkspaceLimit | undefined, perform: Perform) {
  effects += 1;
  const effect = defineEffect({
    name: `crm-${effects}`,
    description: '',
    on: ['lead.added'],
    batch: 5,
    ...(perWorkspace && { perWorkspace }),
    perform: (events, call) => perform(events, call).then(() => undefined),
  });
  await pg()`delete from knockon.subscribers`;
  await register(test_.database, [registration(effect)]);
  return effect;
}

/** Emits so many events of each workspace, and claims them. @returns the calls of the effect */
async function emitted(effect: Effect, counts: Record<string, number>): Promise<EffectCall[]> {
  for (const [workspace, count] of Object.entries(counts))
    await pg()`select knockon.emit('lead.added', ${workspace}, '{}') from generate_series(1, ${count})`;
  const claimed = await claim(pg(), 2000);
  return claimed.flatMap(({ id, size }) =>
    slices(size, effect.batch).map((events) => callOf(effect, id, events)),
  );
}

const callOf = (effect: Effect, dispatch_id: string, events: EffectCall['events']): EffectCall => ({
  dispatch_id,
  subscriber: effect.name,
  events,
  alone: ('ids' in events ? events.ids.length : events.limit) === 1,
});

const make = (effect: Effect, call: EffectCall, options = {}) =>
  answer(effect, test_.database.db, call, new AbortController().signal, options);

/** What is open is called again at once, by workspaces, until nothing is: sooner than was asked. */
async function finish(effect: Effect, calls: EffectCall[], options = {}): Promise<OpenOutcome[]> {
  const finished = calls.map(async (call): Promise<OpenOutcome[]> => {
    const { open } = await make(effect, call, options);
    const shares = groupBy(open, ({ share }) => share);
    const again = [...shares.values()].map((some) =>
      callOf(effect, call.dispatch_id, { ids: some.map(({ event_id }) => event_id) }),
    );
    if (again.length > 0) await wait(5);
    return [...open, ...(await finish(effect, again, options))];
  });
  return (await Promise.all(finished)).flat();
}

const receipts = async (effect: Effect) => {
  const [row] = await pg()<{ n: number }[]>`
    select count(*)::int as n from knockon.receipts where subscriber = ${effect.name}`;
  return row!.n;
};

/** How many calls of each workspace are under way, and the most there were. */
function counted() {
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const perform: Perform = async (events) => {
    const own = [...new Set(events.map(({ workspace_id }) => workspace_id))];
    for (const id of own) running.set(id, (running.get(id) ?? 0) + 1);
    for (const id of own) most.set(id, Math.max(most.get(id) ?? 0, running.get(id)!));
    await wait(3);
    for (const id of own) running.set(id, running.get(id)! - 1);
  };
  return { most, perform };
}

describe('calls at once of one workspace', () => {
  test('are never more than its limit, nothing is lost, and nobody else is put off', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 5, max: 60 }),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
      async (concurrency, flood, others) => {
        const { most, perform } = counted();
        const effect = await anEffect(undefined, perform);
        const loud = await aWorkspace();
        const quiet = await Promise.all(others.map(aWorkspace));
        await limitWorkspaces(test_.database, {
          name: effect.name,
          by: 'test',
          workspace_id: loud,
          concurrency,
        });
        const counts = Object.fromEntries(quiet.map((id, i) => [id, others[i]!]));
        const calls = await emitted(effect, { [loud]: flood, ...counts });
        const open = await finish(effect, calls, { limited: { has: () => true } });
        expect(most.get(loud)).toBeLessThanOrEqual(concurrency);
        expect(open.every(({ share }) => share === loud.slice(-8))).toBe(true);
        expect(open.every(({ state }) => state === 'later')).toBe(true);
        expect(await receipts(effect)).toBe(flood + others.reduce((a, b) => a + b));
      },
    );
    await fc.assert(property, { numRuns: 12 });
  }, 60_000);

  test('that are put off use up no try, and their journey says what they wait for', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const effect = await anEffect({ concurrency: 1 }, () => held);
    const workspace = await aWorkspace();
    const [first, second] = await emitted(effect, { [workspace]: 6 });
    const running = make(effect, first!);
    await expect.poll(() => callsOf(effect)).toBe(1);
    const { done, open } = await make(effect, second!);
    expect({ done, open }).toMatchObject({ done: 0, open: [{ state: 'later' }] });
    const eventId = open[0]!.event_id;
    const journey = await readEventJourney(
      test_.database,
      { workspaceId: workspace, eventId },
      null,
    );
    expect(journey?.effects[0]).toMatchObject({
      state: 'waiting',
      attempts: 0,
      last_error: expect.stringContaining('its workspace is at its limit'),
    });
    release();
    expect(await running).toMatchObject({ done: 5, open: [] });
    expect(await make(effect, second!)).toMatchObject({ done: 1, open: [] });
    expect(await callsOf(effect)).toBe(0);
  });

  test('are told to come again ever later, the more of them wait', async () => {
    const effect = await anEffect({ concurrency: 1 }, async () => {});
    const workspace = await aWorkspace();
    const [first, ...others] = await emitted(effect, { [workspace]: 25 });
    await holdTurn(effect, first!);
    const waits: number[] = [];
    for (const call of others) waits.push(inMs(await make(effect, call)));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)! - waits[0]!).toBeGreaterThan(500);
  });

  test('of a worker that was killed: the next attempt takes the place of the one before', async () => {
    const effect = await anEffect({ concurrency: 1 }, async () => {});
    const workspace = await aWorkspace();
    const [first, second] = await emitted(effect, { [workspace]: 10 });
    await holdTurn(effect, first!);
    expect((await make(effect, second!)).open).toHaveLength(5);
    expect(await make(effect, first!)).toMatchObject({ done: 5, open: [] });
    expect(await make(effect, second!)).toMatchObject({ done: 5, open: [] });
  });

  test('that fail give their place back, and are tries', async () => {
    const effect = await anEffect({ concurrency: 1 }, async () => {
      throw new Error('it failed');
    });
    const [call] = await emitted(effect, { [await aWorkspace()]: 2 });
    await expect(make(effect, call!)).rejects.toThrow('it failed');
    expect(await callsOf(effect)).toBe(0);
  });

  test('are counted anew where retention deletes what is known of the workspace just then', async () => {
    const effect = await anEffect({ concurrency: 1 }, async () => {});
    const workspace = await aWorkspace();
    const [first, second] = await emitted(effect, { [workspace]: 10 });
    await make(effect, first!);
    const holder = await pg().reserve();
    await holder`begin`;
    await holder`select from knockon.workspace_turns
      where workspace_id = ${workspace} for update`;
    const made = make(effect, second!);
    await expect
      .poll(
        () => pg()`select from pg_stat_activity where wait_event_type = 'Lock'
          and query like '%take_workspace_turns%' and datname = current_database()`,
      )
      .toHaveLength(1);
    await holder`delete from knockon.workspace_turns where workspace_id = ${workspace}`;
    await holder`commit`;
    holder.release();
    expect(await made).toMatchObject({ done: 5, open: [] });
    expect(
      await pg()`select from knockon.workspace_turns where workspace_id = ${workspace}`,
    ).toHaveLength(1);
  });

  /** A call that a worker has begun, and says no more of. */
  async function holdTurn(effect: Effect, call: EffectCall) {
    const hung = defineEffect({
      name: effect.name,
      description: '',
      on: effect.on,
      perWorkspace: { concurrency: 1 },
      perform: () => new Promise<undefined>(() => {}),
    });
    void make(hung, call).catch(() => {});
    await expect.poll(() => callsOf(effect)).toBe(1);
  }

  const inMs = ({ open: [first] }: { open: OpenOutcome[] }) =>
    first?.state === 'later' ? first.in_ms! : Number.NaN;

  const callsOf = async (effect: Effect) => {
    const [row] = await pg()<{ n: number }[]>`
      select count(*)::int as n from knockon.workspace_calls where subscriber = ${effect.name}`;
    return row!.n;
  };
});

describe('events a second of one workspace', () => {
  test('are never more than its limit and what a rest has left, and all are done', async () => {
    const done: { at: number; events: number }[] = [];
    const perSecond = 100;
    const effect = await anEffect({ perSecond }, async (events) => {
      done.push({ at: performance.now(), events: events.length });
    });
    const calls = await emitted(effect, { [await aWorkspace()]: 250 });
    const began = performance.now();
    await finish(effect, calls);
    expect(await receipts(effect)).toBe(250);
    for (const { at } of done) {
      const until = done.filter((one) => one.at <= at).reduce((n, { events }) => n + events, 0);
      expect(until).toBeLessThanOrEqual(perSecond * (1 + (at - began) / 1000) + 1);
    }
  }, 30_000);

  test('that are beyond come again one after another, and one call does not grow', async () => {
    const effect = await anEffect({ perSecond: 10 }, async () => {});
    const workspace = await aWorkspace();
    await emitted(effect, { [workspace]: 100 }).then(async ([call]) => {
      const { done, open } = await make(effect, { ...call!, events: { offset: 0, limit: 100 } });
      const waits = open.map((outcome) => (outcome.state === 'later' ? outcome.in_ms! : 0));
      expect(done).toBe(10);
      expect(waits).toHaveLength(90);
      expect(waits[0]).toBeLessThan(1000);
      expect(waits.at(-1)).toBeGreaterThan(8000);
      expect(waits).toEqual([...waits].sort((a, b) => a - b));
    });
  });

  test('of one that is limited apart leave the others as they are', async () => {
    const effect = await anEffect({ perSecond: 100 }, async () => {});
    const [few, many] = [await aWorkspace(), await aWorkspace()];
    await limitWorkspaces(test_.database, {
      name: effect.name,
      by: 'test',
      workspace_id: few,
      per_second: 1,
    });
    const calls = await emitted(effect, { [few]: 3, [many]: 3 });
    const answers = await Promise.all(calls.map((call) => make(effect, call)));
    expect(answers.flatMap(({ open }) => open.map(({ share }) => share))).toEqual([
      few.slice(-8),
      few.slice(-8),
    ]);
  });
});

test('a retry for one target keeps its target while it waits', async () => {
  const effect = await anEffect({ perSecond: 0.001 }, async () => {});
  const [call] = await emitted(effect, { [await aWorkspace()]: 2 });
  const [done, waits] = [await make(effect, call!), await make(effect, call!)];
  expect([done.done, waits.done]).toEqual([1, 0]);
  const [{ event_id } = { event_id: '' }] = waits.open;
  const targeted = { ...call!, events: { ids: [event_id] }, alone: true, target: 'one', tried: 1 };
  expect((await make(effect, targeted)).open).toMatchObject([{ target: 'one', state: 'later' }]);
});

test.each([
  [{}, 'perWorkspace says nothing'],
  [{ concurrency: 0 }, 'perWorkspace.concurrency 0'],
  [{ concurrency: 1.5 }, 'perWorkspace.concurrency 1.5'],
  [{ perSecond: 0 }, 'perWorkspace.perSecond 0'],
  [{ perSecond: Number.NaN }, 'perWorkspace.perSecond NaN'],
])('a limit of %j is refused where the effect is declared', (perWorkspace, problem) => {
  const options = { name: 'x', description: '', on: ['*'], perWorkspace };
  expect(() => defineEffect({ ...options, perform: async () => undefined })).toThrow(problem);
});
