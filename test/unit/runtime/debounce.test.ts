import { describe, expect, test } from 'vitest';
import {
  type DebounceState,
  decide,
  type Fate,
  type KeyedEvent,
} from '../../../src/activities/runtime/debounce/decide.ts';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';

/** As good as random, the same each time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const WAIT = 10_000;
/** An event is called so much later at most, and each timer ends so much late at most, in ms. */
const LATE = 500;

interface Trouble {
  /** How much later, where the workers are busy. */
  late?: number;
  /** Until when nothing is called. */
  pausedUntil?: number;
  /** How often a call fails, and how often an event can never succeed. */
  failing: number;
  dead: number;
  /** How often a worker dies, before it has done anything or right after. */
  dying: number;
}
const NONE: Trouble = { failing: 0, dead: 0, dying: 0 };

/** Runs the events of one key to their end. Nothing of it is in memory but what is written down. */
function run(events: KeyedEvent[], most: number, random: () => number, trouble: Trouble) {
  const { late = LATE, pausedUntil = 0 } = trouble;
  let state: DebounceState = { began_at: null, seen_at: null, newest: null, called: null };
  const fates = new Map<string, Fate>();
  const merged = new Map<string, string>();
  const calls: { id: string; at: number }[] = [];
  const doomed = new Set(events.filter(() => random() < trouble.dead).map(({ id }) => id));
  const fateOf = (id: string | undefined): Fate => (id && fates.get(id)) || 'open';
  const callAt = (due: number) => Math.max(due, pausedUntil) + random() * late;
  const queue = events.map((event) => ({ at: callAt(event.at), events: [event] }));
  for (let steps = 0; queue.length > 0; steps++) {
    if (steps > 200 * events.length) throw new Error('it comes to no end');
    queue.sort((a, b) => a.at - b.at);
    const next = queue.shift()!;
    // Calls that are due together are one, as often as not.
    if (queue[0] && queue[0].at - next.at < LATE && random() < 0.5)
      next.events.push(...queue.shift()!.events);
    const open = next.events
      .filter(({ id }) => fateOf(id) === 'open')
      .sort((a, b) => a.seq - b.seq);
    if (open.length === 0) continue;
    const again = (ms: number, some: KeyedEvent[]) =>
      queue.push({ at: callAt(next.at + ms), events: some });
    if (random() < trouble.dying) {
      again(100, open);
      continue;
    }
    const isLatest = ({ id, seq, at }: KeyedEvent) =>
      at <= next.at && seq > open.at(-1)!.seq && fateOf(id) === 'open';
    const others = {
      newest: fateOf(state.newest?.id),
      called: fateOf(state.called?.id),
      latest: events.findLast(isLatest) ?? null,
    };
    const decided = decide(state, open, others, next.at, { wait_ms: WAIT, most_ms: most });
    state = decided.state;
    const called = open.filter(({ id }) => decided.decisions.get(id)?.kind === 'call');
    expect(called.length).toBeLessThanOrEqual(1);
    let done = true;
    for (const { id } of called) {
      calls.push({ id, at: next.at });
      done = !doomed.has(id) && random() >= trouble.failing;
    }
    // What the effect has done may not be written down yet when its worker dies.
    if (called.length > 0 && random() < trouble.dying) {
      again(100, open);
      continue;
    }
    for (const event of open) {
      const decision = decided.decisions.get(event.id)!;
      if (decision.kind === 'wait') again(decision.ms, [event]);
      else if (decision.kind === 'merge') settle(event.id, decision.into);
      else if (decision.kind === 'follow' && done) settle(event.id, decision.into);
      else if (decision.kind === 'follow') again(WAIT, [event]);
      else if (done) fates.set(event.id, 'done');
      else if (doomed.has(event.id)) fates.set(event.id, 'dead');
      else again(1000, [event]);
    }
  }
  function settle(id: string, into: string) {
    fates.set(id, 'done');
    merged.set(id, into);
  }
  return { fates, merged, calls };
}

/** Arrivals in bursts, with silences between. */
function arrivals(random: () => number): KeyedEvent[] {
  let at = 1_000_000;
  const longest = [0.1, 0.5, 2][Math.floor(random() * 3)]! * WAIT;
  return Array.from({ length: 1 + Math.floor(random() * 60) }, (_, seq) => {
    at += Math.floor(random() < 0.1 ? 3 * WAIT * random() : longest * random());
    return { id: `e${seq}`, seq, at };
  });
}

const seqOf = (id: string) => Number(id.slice(1));
const SEEDS = Array.from({ length: 100 }, (_, i) => i + 1);

describe('the events of a key, however they arrive', () => {
  test('are done each, or merged into a later one that is done', () => {
    const troubles = [
      NONE,
      { failing: 0.3, dead: 0.1, dying: 0.2 },
      { failing: 0.3, dead: 0.1, dying: 0.2, late: 3 * WAIT, pausedUntil: 1_000_000 + 20 * WAIT },
    ];
    for (const trouble of troubles)
      for (const seed of SEEDS) {
        const random = randomOf(seed);
        const events = arrivals(random);
        const { fates, merged } = run(events, 5 * WAIT, random, trouble);
        for (const { id } of events) {
          const into = merged.get(id);
          const told = { seed, id, into, fate: fates.get(id) };
          if (into === undefined)
            expect(['done', 'dead'], JSON.stringify(told)).toContain(told.fate);
          else expect(seqOf(into), JSON.stringify(told)).toBeGreaterThan(seqOf(id));
          if (into !== undefined) expect(fates.get(into), JSON.stringify(told)).toBe('done');
        }
        const last = events.at(-1)!;
        expect(merged.has(last.id)).toBe(false);
      }
  });

  test('wait no longer than `most`, nor are there more calls than one in each `wait`', () => {
    for (const most of [WAIT, 2 * WAIT, 5 * WAIT])
      for (const seed of SEEDS) {
        const random = randomOf(seed);
        const events = arrivals(random);
        const { merged, calls } = run(events, most, random, NONE);
        const calledAt = new Map(calls.map(({ id, at }) => [id, at]));
        for (const { id, at } of events) {
          const waited = calledAt.get(merged.get(id) ?? id)! - at;
          expect(waited, JSON.stringify({ seed, most, id })).toBeLessThanOrEqual(
            most + 2000 + 3 * LATE,
          );
        }
        const span = calls.at(-1)!.at - events[0]!.at;
        expect(calls.length, JSON.stringify({ seed, most })).toBeLessThanOrEqual(
          Math.max(1, Math.ceil(span / (WAIT - 3 * LATE))),
        );
      }
  });

  test('are one call where all of them came while the workers were paused or late', () => {
    for (const [name, trouble] of [
      ['paused', { ...NONE, pausedUntil: 1_000_000 + 40 * WAIT }],
      ['late', { ...NONE, late: WAIT }],
    ] as const)
      for (const seed of SEEDS) {
        const random = randomOf(seed);
        const burst = arrivals(random).map((event) => ({
          ...event,
          at: 1_000_000 + event.seq * 50,
        }));
        const { calls } = run(burst, 5 * WAIT, random, trouble);
        const told = JSON.stringify({ seed, name, calls });
        expect(
          calls.map(({ id }) => id),
          told,
        ).toEqual([burst.at(-1)!.id]);
        expect(calls[0]!.at, told).toBeGreaterThanOrEqual(burst.at(-1)!.at + WAIT);
      }
  });

  test('that came during a pause are one call after it, once it is quiet or `most` is over', () => {
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      const events = arrivals(random);
      const pausedUntil = events.at(-1)!.at + Math.floor(2 * WAIT * random());
      const most = 5 * WAIT;
      const { calls } = run(events, most, random, { ...NONE, pausedUntil });
      const last = events.at(-1)!;
      const due = Math.max(pausedUntil, Math.min(last.at + WAIT, events[0]!.at + most));
      const told = JSON.stringify({ seed, calls, due });
      expect(
        calls.map(({ id }) => id),
        told,
      ).toEqual([last.id]);
      expect(calls[0]!.at, told).toBeGreaterThanOrEqual(due);
      // The call of the newest may have come before that of the oldest, and waits for its own time.
      const latest = Math.min(due + 30_000, Math.max(pausedUntil, last.at + WAIT));
      expect(calls[0]!.at, told).toBeLessThanOrEqual(latest + 2000 + 3 * LATE);
    }
  });

  test('are one call after a burst, with the last of them', () => {
    const events = Array.from({ length: 20 }, (_, seq) => ({ id: `e${seq}`, seq, at: seq * 100 }));
    const { calls, merged } = run(events, 10 * WAIT, randomOf(1), NONE);
    expect(calls.map(({ id }) => id)).toEqual(['e19']);
    expect(calls[0]!.at).toBeGreaterThanOrEqual(1900 + WAIT);
    expect([...new Set(merged.values())]).toEqual(['e19']);
  });
});

describe('an older event whose call comes before that of the newest, though both are due', () => {
  const decideAfter = (most_ms: number, ms: number, seen_at = 0) => {
    const newest = { id: 'newest', seq: 2, at: most_ms - 1 };
    const state = { began_at: 0, seen_at, newest, called: null };
    const policy = { wait_ms: WAIT, most_ms };
    const others = { newest: 'open', called: 'open', latest: null } as const;
    const older = [{ id: 'older', seq: 1, at: most_ms - 2 }];
    return decide(state, older, others, most_ms + ms, policy).decisions.get('older');
  };

  test.each([
    ['1 s', 50_000, 1000],
    ['a hundredth of `most`', 1_000_000, 10_000],
    ['30 s', 24 * 3_600_000, 30_000],
  ])('waits for it %s longer than `most`, and is done alone then', (_, most, patience) => {
    expect(decideAfter(most, patience - 1)?.kind).toBe('wait');
    expect(decideAfter(most, patience)?.kind).toBe('call');
  });

  test('waits for it as long as the first call was late, 30 s at most', () => {
    for (const [late, patience] of [
      [5000, 5000],
      [60_000, 40_000],
    ] as const) {
      expect(decideAfter(50_000, patience - 1, late)?.kind).toBe('wait');
      expect(decideAfter(50_000, patience, late)?.kind).toBe('call');
    }
  });

  test('waits for one that is dispatched, though no call for it has come yet', () => {
    const none = { began_at: null, seen_at: null, newest: null, called: null };
    const policy = { wait_ms: 3000, most_ms: 8000 };
    const q0 = { id: 'q0', seq: 0, at: 0 };
    const latest = { id: 'q5', seq: 5, at: 5000 };
    const others = { newest: 'open', called: 'open', latest } as const;
    const { state, decisions } = decide(none, [q0], others, 6000, policy);
    expect(decisions.get('q0')).toEqual({ kind: 'wait', ms: 2000 });
    // What was not called for is not written down.
    expect(state).toEqual({ began_at: 0, seen_at: 6000, newest: q0, called: null });
    const then = decide(state, [latest], { ...others, latest: null }, 8000, policy);
    expect(then.decisions.get('q5')).toEqual({ kind: 'call' });
  });

  test('is called again ever later, and no later than then', () => {
    const waits = [1000, 5000, 15_000, 25_000].map((ms) => decideAfter(24 * 3_600_000, ms));
    expect(waits).toEqual([1000, 5000, 15_000, 5000].map((ms) => ({ kind: 'wait', ms })));
  });
});

describe('a debounce that makes no sense', () => {
  const define = (debounce: object, rest: object = {}) =>
    defineEffect({
      name: 'digest',
      description: '',
      on: ['invoice.paid'],
      debounce: debounce as never,
      async perform() {},
      ...rest,
    });

  test('is refused with what is wrong', () => {
    expect(() => define({ by: 'type', wait: '1s' })).toThrow('must be "key"');
    expect(() => define({ by: 'key', wait: 'long' })).toThrow('is not a duration');
    expect(() => define({ by: 'key', wait: '30' })).toThrow('"30" is not a duration such as "30s"');
    expect(() => define({ by: 'key', wait: '1m', most: '30s' })).toThrow('is shorter than');
    expect(() => define({ by: 'key', wait: '1m', most: '2d' })).toThrow('longer than a day');
    expect(() => define({ by: 'key', wait: '1m' }, { ordering: 'key' })).toThrow('ordered');
  });

  test('has a longest wait where none is given', () => {
    expect(define({ by: 'key', wait: '30s' }).debounce).toEqual({
      wait_ms: 30_000,
      most_ms: 300_000,
    });
  });

  test('waits a day at most where none is given', () => {
    const day = 24 * 3_600_000;
    expect(define({ by: 'key', wait: '5h' }).debounce).toEqual({
      wait_ms: day / 4.8,
      most_ms: day,
    });
    expect(() => define({ by: 'key', wait: '25h' })).toThrow('debounce.wait of 90000 s is longer');
  });
});
