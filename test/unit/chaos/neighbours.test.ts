import { beforeEach, describe, expect, it } from 'vitest';
import { type Done, practise } from '../../../chaos/neighbours/bad/habit.ts';
import { all, chosen } from '../../../chaos/neighbours/bad/index.ts';
import { barsOf, type Course } from '../../../chaos/neighbours/bars.ts';
import { percentile } from '../../../chaos/neighbours/figures.ts';
import { Phase, type What } from '../../../chaos/neighbours/phase.ts';
import { Hook } from '../../../chaos/traffic/receiver.ts';

let course: Course;

/** Posts of 20 ms, webhooks after 50 ms, a search of 30 ms, alone and beside. */
beforeEach(() => {
  const [alone, beside] = [new Phase('alone'), new Phase('beside')];
  course = {
    alone,
    beside,
    hook: new Hook('w', ['*'], ''),
    refused: new Set(['beside 0']),
    probes: [],
    late: [],
    bad: [],
  };
  for (const phase of [alone, beside]) {
    [phase.began, phase.ended] = [0, 10_000];
    for (let n = 0; n < 10; n += 1) {
      saw(phase, 'post', 20);
      phase.answered.set(`${phase.name} ${n}`, 1000);
      came(`${phase.name} ${n}`, [1050]);
    }
    saw(phase, 'search', 30);
  }
  came('beside 0', [1050, 6200]);
});

const saw = (phase: Phase, what: What, ms: number, status: number | null = 200) =>
  phase.seen.push({
    call: { method: 'GET', path: '', key: '', what },
    at: 0,
    ms,
    status,
    hasRetryAfter: false,
  });
const came = (id: string, cameAt: number[]) =>
  course.hook.events.set(id, { id, digest: '', type: '', taken: 1, cameAt });
const broken = () => barsOf(course).flatMap(({ bar, kept }) => (kept ? [] : [bar]));

describe('the bars of the good one', () => {
  it('are kept where it is as if alone', () => {
    expect(broken()).toEqual([]);
    expect(barsOf(course)[0]).toMatchObject({ alone: 20, beside: 20, most: 100 });
  });

  it('allow its POST three times as long as alone, and 100 ms anyway', () => {
    saw(course.beside, 'post', 99);
    expect(broken()).toEqual([]);
    saw(course.beside, 'post', 101);
    expect(broken()).toEqual(['its POST, p99']);
    saw(course.alone, 'post', 40);
    expect(broken()).toEqual([]);
  });

  it('allow twice as long where a slack of 2 is asked for, and none of what must never be', () => {
    saw(course.beside, 'post', 199);
    saw(course.beside, 'read', 10, 401);
    expect(
      barsOf(course, 2)
        .filter(({ kept }) => !kept)
        .map(({ bar }) => bar),
    ).toEqual(['valid credentials refused']);
  });

  it('are broken by a webhook that never comes, and by one that is late again', () => {
    course.hook.events.delete('beside 3');
    came('beside 0', [1050, 20_000]);
    const bars = barsOf(course).filter(({ kept }) => !kept);
    expect(bars.map(({ bar, beside }) => [bar, beside])).toEqual([
      ['its webhook after the answer, p99', null],
      ['its webhook that was refused, again, slowest', 18_950],
    ]);
  });

  it('are broken by one slow search, a refused key, a call that fails, and a call that was not made', () => {
    saw(course.beside, 'search', 1200);
    saw(course.beside, 'fresh key', 5, 429);
    saw(course.beside, 'read', 5, 503);
    course.beside.leftOut = 3;
    expect(broken()).toEqual([
      'its search, slowest',
      'valid credentials refused',
      'its calls that were not served',
    ]);
    expect(barsOf(course).find(({ bar }) => bar.startsWith('its calls'))?.such_as).toEqual([
      'GET (read): 503 after 0.0 s',
      '3 calls were not made: too many had no answer',
    ]);
  });

  it('are broken where /readyz says no, or nothing in time, while it works', () => {
    const probe = (at: number, status: number | null, ms: number) => ({ at, status, ms, url: '' });
    course.probes = [probe(5000, 200, 10), probe(20_000, 503, 10)];
    expect(broken()).toEqual([]);
    course.probes.push(probe(6000, 503, 10), probe(7000, 200, 5000));
    expect(barsOf(course).find(({ bar }) => bar.startsWith('/readyz'))).toMatchObject({
      kept: false,
      beside: 2,
    });
  });

  it('are broken where nobody answers the others either', () => {
    course.bad = [
      {
        name: 'sends',
        does: '',
        acts: 1,
        leftOut: 0,
        answers: {},
        calls: 1,
        slowestMs: 30_000,
        late: ['POST: no answer'],
        wrong: [],
        accepted: [],
      },
    ];
    expect(broken()).toEqual(['calls of anybody without an answer within 15 s']);
  });

  it('are taken from the smallest time that so many do not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect([
      percentile(hundred, 0.5),
      percentile(hundred, 0.99),
      percentile(hundred, 1),
      percentile([], 0.99),
    ]).toEqual([50, 99, 100, null]);
  });
});

describe('bad neighbours', () => {
  it('each have a name of their own, and are chosen by its beginning', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(chosen(['slow', 'search']).map(({ name }) => name)).toEqual(['slow', 'searches']);
    expect(() => chosen(['nobody'])).toThrow('--only must name bad neighbours among');
  });

  it('leave out what would be more than is allowed at once, and wait for what is under way', async () => {
    const over = new AbortController();
    const done: Done = { acts: 0, leftOut: 0 };
    let finish = () => {};
    const act = () => new Promise<void>((resolve) => (finish = resolve));
    let isOver = false;
    const practising = practise({ everyMs: 5, atOnce: 1, act }, over.signal, done).then(
      () => (isOver = true),
    );
    await expect.poll(() => done.leftOut).toBeGreaterThan(2);
    over.abort();
    expect([done.acts, isOver]).toEqual([1, false]);
    finish();
    await practising;
  });
});
