import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EffectAnswer, OpenOutcome, RetryPolicy } from '../../../src/transport/dispatch.ts';
import {
  afterAnswer,
  afterFailure,
  type DeadLetter,
  type Failure,
  type PendingCall,
  type RetryContext,
  type Step,
} from '../../../src/transport/retry/next-steps.ts';
import { count, halves, slices } from '../../../src/transport/retry/selection.ts';
import { isUsedUp, policyWait } from '../../../src/transport/retry/waits.ts';

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  attempts: fc.integer({ min: 0, max: 8 }),
  initial_ms: fc.integer({ min: 1, max: 10_000 }),
  max_ms: fc.integer({ min: 1, max: 3_600_000 }),
  backoff: fc.integer({ min: 1, max: 4 }),
});

const contexts: fc.Arbitrary<RetryContext> = fc
  .record({
    policy: policies,
    now: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
    value: fc.double({ min: 0, max: 1, noNaN: true }),
    sharesTimers: fc.boolean(),
  })
  .map(({ value, ...context }) => ({ ...context, random: () => value }));

const idsOfSize = (most: number) =>
  fc.integer({ min: 1, max: most }).map((n) => Array.from({ length: n }, (_, i) => `e${i}`));

/** Calls that have tries left: the machine makes no others. */
const callsWithin = (context: RetryContext): fc.Arbitrary<PendingCall> =>
  fc
    .record(
      {
        events: idsOfSize(12).map((ids) => ({ ids })),
        target: fc.constantFrom('x', 'y'),
        share: fc.constantFrom('w1', 'w2'),
        tried: fc.nat({ max: Math.max(0, (context.policy.attempts || 20) - 1) }),
        deaths: fc.nat({ max: 2 }),
        once: fc.constant(true as const),
      },
      { requiredKeys: ['events', 'tried'] },
    )
    .map(({ target, ...call }) =>
      target !== undefined && count(call.events) === 1 ? { ...call, target } : call,
    );

const callsInContext = contexts.chain((context) =>
  fc.record({ context: fc.constant(context), call: callsWithin(context) }),
);

const failures: fc.Arbitrary<Failure> = fc.oneof(
  fc.constant({ kind: 'unknown dispatch' } as const),
  fc.record({
    kind: fc.constant('died' as const),
    deaths: fc.integer({ min: 1, max: 3 }),
    hasBegun: fc.boolean(),
  }),
  fc.record(
    {
      kind: fc.constant('failed' as const),
      cause: fc.constant('HTTP 503'),
      reason: fc.constant('the server is busy'),
      isFinal: fc.boolean(),
      mayPass: fc.boolean(),
    },
    { requiredKeys: ['kind', 'cause', 'reason'] },
  ),
);

/** What an effect may answer for one of these events, or for a target of it. */
const outcomesOf = (ids: string[], target: fc.Arbitrary<string | undefined>) =>
  fc
    .tuple(
      fc.constantFrom(...ids),
      target,
      fc.oneof(
        fc.record({
          state: fc.constant('later' as const),
          until: fc.constant('2030-01-01T00:00:00.000Z'),
          in_ms: fc.integer({ min: -10, max: 100_000 }),
        }),
        fc.record({
          state: fc.constant('later' as const),
          until: fc.constant('2030-01-01T00:00:00.000Z'),
          share: fc.constantFrom('w1', 'w2'),
          apart: fc.constant(true as const),
        }),
        fc.record({
          state: fc.constant('retry' as const),
          reason: fc.constant('busy'),
          after_ms: fc.nat({ max: 100_000 }),
        }),
        fc.record({ state: fc.constant('dead' as const), reason: fc.constant('gone') }),
      ),
    )
    .map(([event_id, to, outcome]): OpenOutcome => ({ event_id, target: to, ...outcome }));

/** Each event is open as a whole or for some of its targets, as effects answer it. */
const answersTo = ({ events, target }: PendingCall): fc.Arbitrary<EffectAnswer> => {
  const ids = 'ids' in events ? events.ids : [];
  const targets =
    target === undefined ? fc.constantFrom(undefined, 'x', 'y', 'z') : fc.constant(target);
  return fc
    .uniqueArray(outcomesOf(ids, targets), {
      selector: (one) => partyOf(one),
    })
    .map((open) => {
      const whole = new Set(open.filter((one) => one.target === undefined).map((o) => o.event_id));
      return open.filter((one) => one.target === undefined || !whole.has(one.event_id));
    })
    .map((open) => ({ done: 0, open }));
};

const answeredCalls = callsInContext.chain(({ call, context }) =>
  fc.record({ context: fc.constant(context), call: fc.constant(call), answer: answersTo(call) }),
);

const partyOf = ({ event_id, target }: Pick<OpenOutcome, 'event_id' | 'target'>): string =>
  `${event_id} ${target ?? ''}`;

const partiesOf = ({ events, target }: Pick<PendingCall, 'events' | 'target'>): string[] =>
  'ids' in events ? events.ids.map((event_id) => partyOf({ event_id, target })) : [];

/** The steps themselves, without those that only wait for others. */
const flat = (steps: Step[]): Exclude<Step, { kind: 'targets' }>[] =>
  steps.flatMap((step) => (step.kind === 'targets' ? flat(step.steps) : [step]));

const partiesIn = (steps: Step[]): string[] =>
  flat(steps).flatMap((step) => partiesOf(step.kind === 'call' ? step.call : step.letter));

const callsIn = (steps: Step[]) => flat(steps).filter((step) => step.kind === 'call');
const lettersIn = (steps: Step[]): DeadLetter[] =>
  flat(steps).flatMap((step) => (step.kind === 'dead letter' ? [step.letter] : []));

describe('after an answer', () => {
  it('each open event, and each open target, has exactly one step', () => {
    fc.assert(
      fc.property(answeredCalls, ({ call, answer, context }) => {
        const steps = afterAnswer(call, answer, context);
        expect(partiesIn(steps).sort()).toEqual(answer.open.map(partyOf).sort());
      }),
    );
  });

  it('no call is made that has no try left, and no event is given up that has one', () => {
    fc.assert(
      fc.property(answeredCalls, ({ call, answer, context }) => {
        const steps = afterAnswer(call, answer, context);
        for (const { call: next } of callsIn(steps))
          expect(isUsedUp(context.policy, next.tried)).toBe(false);
        const isLast = isUsedUp(context.policy, call.tried + 1) || context.policy.attempts === 1;
        const isGivenUp = (one: OpenOutcome) => one.state === 'dead' || one.state === 'retry';
        const mayDie = answer.open.filter(
          (one) => one.state === 'dead' || (isLast && isGivenUp(one)),
        );
        expect(mayDie.map(partyOf)).toEqual(
          expect.arrayContaining(lettersIn(steps).flatMap(partiesOf)),
        );
      }),
    );
  });

  it('a deferred call is made later as it was, and has used up no try', () => {
    fc.assert(
      fc.property(callsInContext, fc.nat({ max: 100_000 }), ({ call, context }, put_off_ms) => {
        const answer = { done: 0, open: [], put_off: '2030-01-01T00:00:00.000Z', put_off_ms };
        const [step, ...others] = afterAnswer(call, answer, context);
        expect(others).toEqual([]);
        expect(step).toMatchObject({ kind: 'call', call });
        const inMs = step?.kind === 'call' ? step.inMs : Number.NaN;
        expect(inMs).toBeGreaterThanOrEqual(put_off_ms);
        expect(inMs).toBeLessThan(put_off_ms + (context.sharesTimers ? 100 : 1));
      }),
    );
  });

  it('nothing follows where all is done', () => {
    fc.assert(
      fc.property(callsInContext, ({ call, context }) => {
        expect(afterAnswer(call, { done: count(call.events), open: [] }, context)).toEqual([]);
      }),
    );
  });
});

describe('after a failure', () => {
  it('each event of the call has exactly one step, for the same target', () => {
    fc.assert(
      fc.property(callsInContext, failures, ({ call, context }, failure) => {
        expect(partiesIn(afterFailure(call, failure, context)).sort()).toEqual(
          partiesOf(call).sort(),
        );
      }),
    );
  });

  it('a group is never given up, and the tries and deaths of one event are never forgotten', () => {
    fc.assert(
      fc.property(callsInContext, failures, ({ call, context }, failure) => {
        const steps = afterFailure(call, failure, context);
        if (count(call.events) > 1) expect(lettersIn(steps)).toEqual([]);
        else
          for (const { call: next } of callsIn(steps)) {
            expect(next.tried).toBeGreaterThanOrEqual(call.tried);
            expect(next.deaths ?? 0).toBeGreaterThanOrEqual(call.deaths ?? 0);
            expect(isUsedUp(context.policy, next.tried)).toBe(false);
          }
      }),
    );
  });

  it('an unknown dispatch, and a death that a suspect call only waited for, use up no try', () => {
    const blameless = fc.constantFrom<Failure>(
      { kind: 'unknown dispatch' },
      { kind: 'died', deaths: 1, hasBegun: false },
    );
    fc.assert(
      fc.property(callsInContext, blameless, ({ call, context }, failure) => {
        const suspect = { ...call, deaths: call.deaths ?? 0 };
        expect(afterFailure(suspect, failure, context)).toMatchObject([
          { kind: 'call', call: suspect },
        ]);
      }),
    );
  });

  it('a single event whose worker died is called again at once the first time, as a suspect', () => {
    fc.assert(
      fc.property(callsInContext, ({ call, context }) => {
        const alone = { ...call, events: { ids: ['e1'] }, tried: 0, deaths: undefined };
        const failure: Failure = { kind: 'died', deaths: 1, hasBegun: true };
        fc.pre(context.policy.attempts !== 1);
        expect(afterFailure(alone, failure, context)).toMatchObject([
          { kind: 'call', call: { tried: 1, deaths: 1, once: true }, inMs: 0 },
        ]);
      }),
    );
  });

  it('the wait before a try is the policy’s, give or take a fifth', () => {
    fc.assert(
      fc.property(callsInContext, ({ call, context }) => {
        const single = { ...call, events: { ids: ['e0'] } };
        const failure = { kind: 'failed', cause: 'down', reason: 'down' } as const;
        const own = policyWait(context.policy, call.tried + 1);
        for (const { inMs } of callsIn(afterFailure(single, failure, context))) {
          expect(inMs).toBeGreaterThanOrEqual(own * 0.8 - 0.001);
          const grain = context.sharesTimers ? Math.max(1000, own / 64 + 1000) : 0;
          expect(inMs).toBeLessThanOrEqual(own * 1.2 + grain + 0.001);
        }
      }),
    );
  });

  it('waits that share timers end at a tenth of a second', () => {
    fc.assert(
      fc.property(callsInContext, failures, ({ call, context }, failure) => {
        const sharing = { ...context, sharesTimers: true };
        for (const { inMs } of callsIn(afterFailure(call, failure, sharing)))
          if (inMs > 0) expect((context.now + inMs) % 100).toBe(0);
      }),
    );
  });
});

/** What an effect does with an event each time: it is done, throws, kills its worker … */
type Behavior = 'done' | 'throws' | 'kills' | { failures: number } | { targetFailures: number[] };

const behaviors: fc.Arbitrary<Behavior> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('done' as const) },
  fc.constant('throws' as const),
  fc.constant('kills' as const),
  fc.record({ failures: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ targetFailures: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 3 }) }),
);

/** A world without clocks: makes each call that the machine asks for, until nothing is open. */
class World {
  readonly done = new Set<string>();
  readonly letters: string[] = [];
  readonly lonelyDeaths = new Map<string, number>();
  readonly #doneTargets = new Set<string>();
  readonly #behaviors: Behavior[];
  readonly #context: RetryContext;
  #calls = 0;

  constructor(behaviors: Behavior[], context: RetryContext) {
    this.#behaviors = behaviors;
    this.#context = context;
  }

  run(): this {
    const ids = this.#behaviors.map((_, i) => `e${i}`);
    this.#make({ events: { ids }, tried: 0 });
    return this;
  }

  behavior(id: string): Behavior {
    return this.#behaviors[Number(id.slice(1))] ?? 'done';
  }

  /** @returns whether all of it is done in the end */
  #make(call: PendingCall): boolean {
    this.#calls += 1;
    if (this.#calls > 10_000) throw new Error('the machine does not come to an end');
    const ids = 'ids' in call.events ? call.events.ids : [];
    if (ids.some((id) => this.behavior(id) === 'kills')) return this.#die(call, ids);
    const failure = { kind: 'failed', cause: 'bug', reason: 'a bug' } as const;
    if (ids.some((id) => this.behavior(id) === 'throws'))
      return this.#take(afterFailure(call, failure, this.#context));
    const open = ids.flatMap((id) => this.#open(id, call));
    for (const id of ids) if (!open.some((one) => one.event_id === id)) this.#isDone(id, call);
    return this.#take(afterAnswer(call, { done: 0, open }, this.#context));
  }

  #die(call: PendingCall, ids: string[]): boolean {
    const [only = ''] = ids;
    if (ids.length === 1) this.lonelyDeaths.set(only, (this.lonelyDeaths.get(only) ?? 0) + 1);
    const failure = { kind: 'died', deaths: 1, hasBegun: true } as const;
    return this.#take(afterFailure(call, failure, this.#context));
  }

  #isDone(id: string, { target }: PendingCall): void {
    if (target !== undefined) this.#doneTargets.add(partyOf({ event_id: id, target }));
    else {
      expect(this.done.has(id)).toBe(false);
      this.done.add(id);
    }
  }

  #open(event_id: string, { events, target, tried }: PendingCall): OpenOutcome[] {
    const behavior = this.behavior(event_id);
    if (typeof behavior === 'string') return [];
    const failed = { event_id, state: 'retry', reason: 'down' } as const;
    if ('failures' in behavior) {
      const before = count(events) === 1 ? tried : 0;
      return before < behavior.failures ? [failed] : [];
    }
    return behavior.targetFailures.flatMap((times, i) => {
      const to = `t${i}`;
      const isAsked = target === undefined || target === to;
      const before = target === to ? tried : 0;
      if (!isAsked || this.#doneTargets.has(partyOf({ event_id, target: to }))) return [];
      return before < times ? [{ ...failed, target: to }] : [];
    });
  }

  #take(steps: Step[]): boolean {
    return steps.map((step) => this.#takeOne(step)).every(Boolean);
  }

  #takeOne(step: Step): boolean {
    switch (step.kind) {
      case 'call':
        return this.#make(step.call);
      case 'dead letter':
        this.letters.push(...partiesOf(step.letter));
        return false;
      case 'targets':
        return this.#take(step.steps) && this.#make(step.lastCall);
    }
  }
}

describe('followed to its end, a dispatch', () => {
  const worlds = fc.record({
    behaviors: fc.array(behaviors, { minLength: 1, maxLength: 20 }),
    context: contexts.map((context) => ({
      ...context,
      // Without a limit an effect that always throws never ends.
      policy: { ...context.policy, attempts: Math.max(1, context.policy.attempts) },
    })),
  });

  it('has each event done once or given up, and only what fails too often is given up', () => {
    fc.assert(
      fc.property(worlds, ({ behaviors: all, context }) => {
        const world = new World(all, context).run();
        const { attempts } = context.policy;
        const lettersOf = (event_id: string) => {
          const behavior = world.behavior(event_id);
          if (behavior === 'done') return [];
          if (typeof behavior === 'string') return [partyOf({ event_id })];
          if ('failures' in behavior)
            return behavior.failures >= attempts ? [partyOf({ event_id })] : [];
          return behavior.targetFailures.flatMap((times, i) =>
            times >= attempts ? [partyOf({ event_id, target: `t${i}` })] : [],
          );
        };
        const ids = all.map((_, i) => `e${i}`);
        expect(world.letters.sort()).toEqual(ids.flatMap(lettersOf).sort());
        expect([...world.done].sort()).toEqual(
          ids.filter((id) => lettersOf(id).length === 0).sort(),
        );
      }),
    );
  });

  it('loses at most three workers to an event that kills the one it is alone with', () => {
    fc.assert(
      fc.property(worlds, ({ behaviors: all, context }) => {
        const world = new World(all, context).run();
        for (const [id, deaths] of world.lonelyDeaths) {
          expect(world.behavior(id)).toBe('kills');
          expect(deaths).toBe(Math.min(3, context.policy.attempts));
        }
      }),
    );
  });
});

describe('a selection of events', () => {
  it('is cut into slices, and a slice into halves, without losing or doubling one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 200 }),
        (size, batch) => {
          const places = (runs: { offset: number; limit: number }[]) =>
            runs.flatMap(({ offset, limit }) =>
              Array.from({ length: limit }, (_, i) => offset + i),
            );
          const runs = slices(size, batch);
          const all = Array.from({ length: size }, (_, i) => i);
          expect(places(runs)).toEqual(all);
          expect(Math.max(...runs.map(({ limit }) => limit))).toBeLessThanOrEqual(batch);
          expect(
            places(runs.flatMap((run) => halves(run)).filter((half) => 'offset' in half)),
          ).toEqual(all);
        },
      ),
    );
  });

  it('is halved by its ids too, in their order', () => {
    fc.assert(
      fc.property(idsOfSize(50), (ids) => {
        const parts = halves({ ids }).map((half) => ('ids' in half ? half.ids : []));
        expect(parts.flat()).toEqual(ids);
        expect(Math.abs((parts[0]?.length ?? 0) - (parts[1]?.length ?? 0))).toBeLessThanOrEqual(1);
      }),
    );
  });
});
