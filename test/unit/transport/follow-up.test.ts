import { describe, expect, it } from 'vitest';
import type { OpenOutcome, RetryPolicy } from '../../../src/transport/dispatch.ts';
import {
  asJob,
  BEHIND,
  type CallJob,
  firstJobs,
  NEVER,
} from '../../../src/transport/pg-boss/jobs.ts';
import {
  afterWorkersDied,
  CallTimeout,
  deathsOf,
  deferred,
  jobsAfterAnswer,
  jobsAfterFailure,
} from '../../../src/transport/pg-boss/next-jobs.ts';
import { CallFailure, FAILURE } from '../../../src/transport/retry/failure.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;

const policy: RetryPolicy = { attempts: 4, initial_ms: 1000, max_ms: 3000, backoff: 2 };
const subscriber = {
  name: 'webhooks',
  task_queue: 'effects.webhooks',
  activity: 'webhooks',
  batch: 100,
  timeout_ms: 30_000,
  retry: policy,
};
const dispatch = {
  id: '019b0000-0000-7000-8000-000000000000',
  type: 'message.created',
  size: 250,
  subscribers: [subscriber],
};

const aCall = (rest: Partial<CallJob> = {}): CallJob => ({
  dispatch_id: dispatch.id,
  subscriber,
  events: { ids: ['e1'] },
  tried: 0,
  ...rest,
});
const withPolicy = (retry: Partial<RetryPolicy>) => ({
  ...subscriber,
  retry: { ...policy, ...retry },
});
const busy = new CallFailure(FAILURE.retry, 'busy', { shortCause: 'HTTP 503' });
const poison = new CallFailure(FAILURE.poison, 'poison');

const afterAnswer = (job: CallJob, open: OpenOutcome[]) =>
  jobsAfterAnswer(job, { done: 0, open }, { now: NOW });
const afterFailure = (job: CallJob, error: unknown, random = Math.random()) =>
  jobsAfterFailure(job, error, { random: () => random });

describe('calls that come behind those that are new', () => {
  const priorities = (jobs: { priority?: number }[]) => jobs.map(({ priority }) => priority);
  const follow = (job: CallJob, state: OpenOutcome['state']) => {
    const one = { event_id: 'e1', state, reason: 'down', in_ms: 1000 } as OpenOutcome;
    return priorities(afterAnswer(job, [one]).jobs.map((next) => asJob(job, next)));
  };

  it('are those of a flood, and those that follow up', () => {
    expect(priorities(firstJobs({ ...dispatch, size: 1 }, subscriber))).toEqual([undefined]);
    expect(priorities(firstJobs({ ...dispatch, size: 1, share: 'w1' }, subscriber))).toEqual([
      BEHIND,
    ]);
    expect(follow(aCall(), 'retry')).toEqual([BEHIND]);
    expect(follow(aCall(), 'later')).toEqual([BEHIND]);
  });

  it('are not those that could not be made: they are as new, or a flood, as before', () => {
    const again = (job: CallJob) =>
      priorities(deferred(job, 100).jobs.map((next) => asJob(job, next)));
    const first = aCall({ events: { offset: 0, limit: 1 } });
    expect(again(first)).toEqual([undefined]);
    expect(again({ ...first, flooding: true })).toEqual([BEHIND]);
  });
});

describe('a dispatch', () => {
  it('becomes a job a slice, the same ones whenever it is written', () => {
    const jobs = firstJobs(dispatch, subscriber);
    expect(jobs.map(({ data }) => data?.events)).toEqual([
      { offset: 0, limit: 100 },
      { offset: 100, limit: 100 },
      { offset: 200, limit: 50 },
    ]);
    expect(firstJobs(dispatch, subscriber)).toEqual(jobs);
    const others = firstJobs({ ...dispatch, id: dispatch.id.replace(/0$/, '1') }, subscriber);
    expect(new Set([...jobs, ...others].map(({ id }) => id)).size).toBe(6);
    for (const { id } of jobs)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('gives its jobs longer than a call may take, and at most the day that pg-boss allows', () => {
    expect(asJob(aCall(), aCall()).expireInSeconds).toBe(90);
    expect(
      asJob(aCall({ subscriber: { ...subscriber, timeout_ms: 90_000_000 } }), aCall())
        .expireInSeconds,
    ).toBe(86_400);
  });
});

describe('a single event that fails', () => {
  it('is tried again after ever longer waits, up to the longest, spread by a fifth', () => {
    const waits = (random: number) =>
      [0, 1, 2].map((tried) => afterFailure(aCall({ tried }), busy, random).jobs[0]);
    expect(waits(0.5).map((job) => [job?.tried, job?.inMs])).toEqual([
      [1, 1000],
      [2, 2000],
      [3, 3000],
    ]);
    expect(waits(0).map((job) => job?.inMs)).toEqual([800, 1600, 2400]);
    expect(waits(1).map((job) => job?.inMs)).toEqual([1200, 2400, 3600]);
  });

  it('is buried when its tries are used up, by what failed last', () => {
    expect(afterFailure(aCall({ tried: 3 }), busy)).toEqual({
      jobs: [],
      letters: [{ events: { ids: ['e1'] }, target: undefined, cause: 'HTTP 503', reason: 'busy' }],
    });
    expect(afterFailure(aCall({ tried: 3 }), new CallTimeout()).letters).toMatchObject([
      { cause: 'timeout' },
    ]);
  });

  it('is tried for ever where the policy has no end', () => {
    expect(
      afterFailure(aCall({ tried: 5000, subscriber: withPolicy({ attempts: 0 }) }), busy).jobs,
    ).toHaveLength(1);
  });
});

describe('a group that fails as a whole', () => {
  const group = aCall({ events: { offset: 10, limit: 5 } });

  it('is called again as it is where its dispatch is unknown: that is no try', () => {
    const unknown = new CallFailure(FAILURE.unknownDispatch, 'not here');
    const job = aCall({ events: { offset: 0, limit: 5 }, tried: 3 });
    expect(afterFailure(job, unknown)).toMatchObject({
      jobs: [{ events: job.events, tried: 3, inMs: 5000 }],
      letters: [],
    });
    expect(afterFailure(aCall({ tried: 3 }), unknown)).toMatchObject({
      jobs: [{ tried: 3, inMs: 5000 }],
      letters: [],
    });
  });

  it('is halved', () => {
    expect(afterFailure(group, poison)).toEqual({
      jobs: [
        { events: { offset: 10, limit: 3 }, tried: 0, inMs: 0 },
        { events: { offset: 13, limit: 2 }, tried: 0, inMs: 0 },
      ],
      letters: [],
    });
  });

  it('is called again as it is where the database was away, within half a minute however often', () => {
    expect(afterFailure(group, busy).jobs).toMatchObject([
      { events: group.events, tried: 1, inMs: 1000 },
    ]);
    expect(afterFailure({ ...group, tried: 90 }, busy).jobs).toMatchObject([{ inMs: 30_000 }]);
  });
});

describe('a call whose worker died with it', () => {
  it('is halved where it is a group, so that who kills workers is found, and its halves are suspected', () => {
    expect(afterWorkersDied(aCall({ events: { ids: ['a', 'b', 'c'] } }), 1).next?.jobs).toEqual([
      { events: { ids: ['a', 'b'] }, tried: 0, deaths: 0, inMs: 0 },
      { events: { ids: ['c'] }, tried: 0, deaths: 0, inMs: 0 },
    ]);
  });

  it('is made again where it is one event, until its tries are used up', () => {
    expect(afterWorkersDied(aCall(), 0)).toEqual({ call: aCall() });
    expect(afterWorkersDied(aCall({ tried: 1 }), 2)).toMatchObject({
      call: { tried: 3, deaths: 2 },
    });
    expect(afterWorkersDied(aCall({ tried: 2 }), 2).next).toMatchObject({
      jobs: [],
      letters: [{ events: { ids: ['e1'] }, cause: 'timeout' }],
    });
  });

  it('is given up when three have, whatever its tries', () => {
    const endless = aCall({ subscriber: withPolicy({ attempts: 0 }) });
    expect(afterWorkersDied(endless, 2)).toMatchObject({ call: { tried: 2, deaths: 2 } });
    expect(afterWorkersDied(endless, 3).next?.letters).toMatchObject([{ cause: 'timeout' }]);
    expect(afterWorkersDied({ ...endless, deaths: 2 }, 1).next?.letters).toMatchObject([
      { cause: 'timeout' },
    ]);
  });

  it('counts against a suspected one where it was begun, not where it waited for its turn', () => {
    expect(deathsOf(aCall(), 0)).toBe(0);
    expect(deathsOf(aCall(), 1)).toBe(1);
    expect(deathsOf(aCall(), 7)).toBe(1);
    expect(deathsOf(aCall({ begun: 2 }), 7)).toBe(3);
    expect(deathsOf(aCall({ deaths: 1 }), 7)).toBe(0);
    expect(deathsOf(aCall({ deaths: 1, begun: 1 }), 7)).toBe(1);
  });

  it('keeps what is counted against it when it is put off', () => {
    expect(deferred(aCall({ tried: 2, deaths: 1, target: 't', parent: 'p' }), 500)).toEqual({
      jobs: [{ events: { ids: ['e1'] }, target: 't', parent: 'p', tried: 2, deaths: 1, inMs: 500 }],
      letters: [],
    });
  });
});

describe('an answer that leaves events open', () => {
  it('calls again together what waits for the same moment', () => {
    const open: OpenOutcome[] = ['a', 'b', 'c'].map((event_id, i) => ({
      event_id,
      state: 'later',
      until: i < 2 ? '2026-01-02T00:00:00.000Z' : '2026-01-03T00:00:00.000Z',
    }));
    expect(afterAnswer(aCall(), open).jobs).toEqual([
      { events: { ids: ['a', 'b'] }, tried: 0, inMs: DAY },
      { events: { ids: ['c'] }, tried: 0, inMs: 2 * DAY },
    ]);
  });

  it('calls again apart what each workspace is to be called again for apart', () => {
    const later = {
      state: 'later',
      until: '2026-01-01T00:00:00.000Z',
      in_ms: 0,
      apart: true,
    } as const;
    const open: OpenOutcome[] = [
      { event_id: 'a', share: 'w1', ...later },
      { event_id: 'b', share: 'w2', ...later },
      { event_id: 'c', share: 'w1', ...later },
    ];
    expect(afterAnswer(aCall(), open).jobs).toMatchObject([
      { events: { ids: ['a', 'c'] }, share: 'w1' },
      { events: { ids: ['b'] }, share: 'w2' },
    ]);
  });

  it('says whose the events are that wait together, where they are one workspace’s', () => {
    const wait = (in_ms: number) =>
      ({ state: 'later', until: '2026-01-01T00:00:00.000Z', in_ms }) as const;
    const open: OpenOutcome[] = [
      { event_id: 'a', share: 'w1', ...wait(1000) },
      { event_id: 'b', share: 'w1', ...wait(1000) },
      { event_id: 'c', share: 'w1', ...wait(2000) },
      { event_id: 'd', share: 'w2', ...wait(2000) },
    ];
    expect(afterAnswer(aCall(), open).jobs.map(({ share }) => share)).toEqual(['w1', undefined]);
  });

  it('counts the call that was made, and buries at once what may be tried once', () => {
    const open: OpenOutcome[] = [{ event_id: 'a', state: 'retry', reason: 'down', after_ms: 7000 }];
    expect(afterAnswer(aCall(), open).jobs).toMatchObject([
      { events: { ids: ['a'] }, tried: 1, inMs: 7000 },
    ]);
    const once = aCall({ subscriber: withPolicy({ attempts: 1 }) });
    expect(afterAnswer(once, open)).toMatchObject({
      jobs: [],
      letters: [{ events: { ids: ['a'] }, cause: 'down', reason: 'down' }],
    });
  });

  it('never waits less than the policy says, whatever the other side asks for, and counts on', () => {
    const open: OpenOutcome[] = [{ event_id: 'e1', state: 'retry', reason: 'down', after_ms: 0 }];
    const [job] = afterAnswer(aCall({ tried: 1 }), open).jobs;
    expect(job).toMatchObject({
      tried: 2,
      inMs: expect.toSatisfy((ms: number) => ms >= 1600 && ms <= 2400),
    });
    expect(afterAnswer(aCall({ tried: 3 }), open)).toMatchObject({
      jobs: [],
      letters: [{ events: { ids: ['e1'] } }],
    });
  });

  it('goes by how long a wait is, whatever moment its worker took that for', () => {
    const open: OpenOutcome[] = [
      { event_id: 'e1', state: 'later', until: '2026-01-01T00:05:03.000Z', in_ms: 3000 },
    ];
    expect(afterAnswer(aCall({ tried: 2 }), open).jobs).toEqual([
      { events: { ids: ['e1'] }, tried: 2, inMs: 3000 },
    ]);
  });

  it('parks the event until each of its targets is settled', () => {
    const open: OpenOutcome[] = ['x', 'y'].map((target) => ({
      event_id: 'a',
      target,
      state: 'retry',
      reason: 'down',
    }));
    const [event, ...targets] = afterAnswer(aCall(), open).jobs;
    expect(event).toMatchObject({ events: { ids: ['a'] }, waits_for: ['x', 'y'], inMs: NEVER });
    expect(targets).toMatchObject([
      { events: { ids: ['a'] }, target: 'x', parent: event?.id, tried: 1 },
      { events: { ids: ['a'] }, target: 'y', parent: event?.id, tried: 1 },
    ]);
  });

  it('parks nothing for an event of which a target is dead already', () => {
    const open: OpenOutcome[] = [
      { event_id: 'a', target: 'x', state: 'dead', reason: 'gone' },
      { event_id: 'a', target: 'y', state: 'retry', reason: 'down' },
    ];
    const { jobs, letters } = afterAnswer(aCall(), open);
    expect(letters).toEqual([
      { events: { ids: ['a'] }, target: 'x', cause: 'gone', reason: 'gone' },
    ]);
    expect(jobs).toMatchObject([{ target: 'y', parent: undefined }]);
  });

  it('keeps to the job that is parked already where a target of it is open still', () => {
    const call = aCall({ target: 'x', parent: 'p' });
    const open: OpenOutcome[] = [
      { event_id: 'e1', target: 'x', state: 'later', until: '2026-01-02T00:00:00.000Z' },
    ];
    expect(afterAnswer(call, open).jobs).toEqual([
      { events: { ids: ['e1'] }, target: 'x', parent: 'p', tried: 0, inMs: DAY },
    ]);
  });
});
