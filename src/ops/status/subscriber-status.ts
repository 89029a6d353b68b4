import type { Sql } from 'postgres';
import { databaseTime } from '../../db/time.ts';
import type { Registration, SubscriberHost } from '../../outbox/subscribers.ts';
import type { Poller, QueueState } from '../../transport/queues.ts';
import {
  type Control,
  type ControlContext,
  type SubscriberCondition,
  stateOf,
} from '../controls/controls.ts';
import type { OpenWay } from '../controls/open-ways.ts';
import type { WorkspaceLimitValues } from '../controls/workspace-limit.ts';
import { fingerprintIn, readRates, readWorkers, type WorkerPresence } from './workers.ts';

/** A worker process that takes a subscriber's calls. */
export interface WorkerState {
  identity: string;
  /** Null where it does not say: a worker in another language. */
  version: string | null;
  seen_at: string;
  /** Calls at once, and those under way when it was last seen; null where it does not say. */
  concurrency: number | null;
  running: number | null;
}

/** What a subscriber was retired with. */
export interface Retirement {
  by: string;
  at: string;
  open: OpenWay;
  /** Whose work what was open is instead. */
  handed_to: string | null;
  /** The operation that handles what was open. */
  operation_id: string;
}

/** What an HTTP subscriber has of its own. */
export interface HttpState {
  url: string;
  ordering: 'none' | 'key' | 'exclusive';
  /** Most events a request. */
  batch: number;
  /** Longest time of a request, such as `30s`. */
  timeout: string;
  attempts: number;
  /** Null: each event is for itself. */
  debounce: { by: 'key'; wait: string; most: string } | null;
  changed_at: string;
  /** Set while it fails: one request at a time tries whether it works again. */
  failing_since: string | null;
  /** Why the last request failed. */
  failing_cause: string | null;
  /** Set while it fails, or has asked for a rest. */
  next_try_at: string | null;
  /** Until then the secret before its own signs too. */
  previous_until: string | null;
}

/** A subscriber as its operator sees it. */
export interface SubscriberStatus {
  name: string;
  description: string;
  event_types: string[];
  task_queue: string;
  /** Whose code does it: our worker's, an HTTP service's, or somebody's own Temporal worker's. */
  host: SubscriberHost;
  state: SubscriberCondition;
  /** How it is doing, whatever operators want of it. */
  health: SubscriberHealth;
  /**
   * Events that are for it and that it has neither done nor given up; without those that wait for
   * their own time.
   */
  backlog: number;
  /** Age of the oldest of them; 0 where there is none. */
  backlog_age_seconds: number;
  /** Events that wait for a moment of their own, such as a mail that gives its reader time. */
  waiting: number;
  /**
   * Calls that wait in its queue; a call is for up to a batch of events. Null where the transport
   * does not answer.
   */
  queue: { calls: number; age_seconds: number } | null;
  /** Events done a second, over the last minute. */
  rate: number;
  /** Of what was tried in the last five minutes, which part failed: 0 to 1. */
  error_rate: number;
  /** How many worker processes take its calls. */
  workers: number;
  versions: string[];
  processes: WorkerState[];
  per_second: number | null;
  per_workspace: PerWorkspace;
  paused: { by: string; reason: string; at: string; until: string | null } | null;
  /** Paused, and no worker is at any call of it. */
  drained: boolean;
  /** Of an HTTP service; null for every other. */
  http: HttpState | null;
  /**
   * Since when nothing new is for it, who said so, and what becomes of what was open; null: it is
   * not retired.
   */
  retired: Retirement | null;
  /** Whether the queue is as the control says; false while the transport does not answer. */
  applied: boolean;
}

/** What one workspace may take of it at most. */
export interface PerWorkspace extends WorkspaceLimitValues {
  /** Those that have limits of their own, by id; the first hundred. */
  own: (WorkspaceLimitValues & { workspace_id: string })[];
}

/**
 * `down`: no worker takes its calls; of a retired subscriber none need. `failing`: half of what is
 * tried fails, or more. `degraded`: a part of it that is worth a look.
 */
export type SubscriberHealth = 'ok' | 'degraded' | 'failing' | 'down';

/** From which part of tries that fail on a subscriber is failing, and from which it is degraded. */
const [FAILING, DEGRADED] = [0.5, 0.05];

function healthOf(workers: number, errorRate: number, row: Row): SubscriberHealth {
  if (workers === 0 && row.retired_at === null) return 'down';
  if (errorRate >= FAILING || row.failing_since !== null) return 'failing';
  return errorRate >= DEGRADED ? 'degraded' : 'ok';
}

interface HttpRow {
  /** Null: it is no HTTP service. */
  url: string | null;
  ordering: HttpState['ordering'];
  batch: number;
  request_ms: number | null;
  attempts: number;
  debounce: Registration['debounce'] | null;
  changed_at: Date | null;
  failing_since: Date | null;
  failing_cause: string | null;
  next_try_at: Date | null;
  previous_until: Date | null;
}

function httpOf(row: HttpRow): HttpState | null {
  if (row.url === null) return null;
  const { url, ordering, batch, attempts, debounce, failing_cause } = row;
  const at = (moment: Date | null) => moment?.toISOString() ?? null;
  return {
    url,
    ordering,
    batch,
    timeout: durationOf(row.request_ms ?? 0),
    attempts,
    debounce: debounce
      ? { by: 'key', wait: durationOf(debounce.wait_ms), most: durationOf(debounce.most_ms) }
      : null,
    changed_at: at(row.changed_at) ?? '',
    failing_since: at(row.failing_since),
    failing_cause,
    next_try_at: at(row.next_try_at),
    previous_until: at(row.previous_until),
  };
}

const durationOf = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

interface Row extends Omit<Control, 'subscriber' | 'calls_per_second'>, RetiredRow, HttpRow {
  per_workspace: PerWorkspace;
  name: string;
  description: string;
  event_types: string[];
  host: SubscriberHost;
  /** Of a worker that does not say what it runs: calls that began before the pause have timed out by now. */
  calls_have_ended: boolean | null;
}

interface Backlog {
  name: string;
  backlog: number;
  waiting: number;
  /** Of the backlog, what has failed before. */
  retrying: number;
  age: number | null;
  /** Age of the oldest that has not been tried. */
  untried_age: number | null;
}

/**
 * What is open, by subscriber: dispatched and neither done nor dead, or about to be dispatched.
 * Costs what is open.
 *
 * @param workspaceId only this one's events
 */
export async function readBacklogs(pg: Sql, names: string[], workspaceId?: string) {
  // As subqueries: a planner that was told nothing of how few are open would rather read both
  // tables from end to end.
  const isTheirs =
    workspaceId === undefined
      ? pg`true`
      : pg`(select workspace_id from knockon.events where id = o.event_id) = ${workspaceId}`;
  const rows = await pg<Backlog[]>`
    with open as (
      select s.name, coalesce(o.deliver_at, knockon.uuid_time(o.event_id)) as since, exists (
        select from knockon.attempts a where a.event_id = o.event_id and a.subscriber = s.name
          and a.waiting_until > now()) as waits,
        exists (select from knockon.attempts a where a.event_id = o.event_id
          and a.subscriber = s.name) as tried
      from knockon.dispatches d cross join unnest(coalesce(d.open, d.subscribers)) as s (name)
      cross join lateral (select event_id, deliver_at from knockon.dispatched
        where dispatch_id = d.id offset 0) o
      where d.settled_at is null and s.name = any(${names}) and ${isTheirs}
        and (select true from knockon.receipts r where r.event_id = o.event_id
          and r.subscriber = s.name
          limit 1) is null
        and (select true from (select subscriber from knockon.dead_letters
          where event_id = o.event_id offset 0) l where l.subscriber = s.name limit 1) is null
      union all
      select s.name, coalesce(o.deliver_at, knockon.uuid_time(o.event_id)), false, false
      from knockon.outbox o join knockon.subscribers s
        on s.event_types && knockon.wanted_as(o.type) and s.retired_at is null
      where o.dispatch_id is null and s.name = any(${names}) and ${isTheirs}
    )
    select name, count(*) filter (where not waits)::int as backlog,
      count(*) filter (where waits)::int as waiting,
      count(*) filter (where tried and not waits)::int as retrying,
      extract(epoch from now() - min(since) filter (where not waits))::float8 as age,
      extract(epoch from now() - min(since) filter (where not tried))::float8 as untried_age
    from open group by name`;
  return new Map(rows.map((row) => [row.name, row]));
}

interface RetiredRow {
  retired_at: Date | null;
  retired_by: string | null;
  retired_open: Retirement['open'] | null;
  handed_to: string | null;
  retire_operation: string | null;
}

function retirementOf(row: RetiredRow): Retirement | null {
  const { retired_at, retired_by, retired_open, handed_to, retire_operation } = row;
  if (retired_at === null) return null;
  return {
    by: retired_by ?? '',
    at: retired_at.toISOString(),
    open: retired_open ?? 'finish',
    handed_to,
    operation_id: retire_operation ?? '',
  };
}

const readRows = (pg: Sql, name?: string) => pg<Row[]>`
  select s.name, s.description, s.event_types, s.task_queue, s.host,
    s.host = 'worker' and c.paused_at + (s.timeout_ms + ${PAUSE_HOLDS}) * interval '1 ms' < now()
      as calls_have_ended, c.paused_at,
    c.paused_by, c.pause_reason, c.paused_until, c.per_second,
    s.retired_at, s.retired_by, s.retired_open, s.handed_to, s.retire_operation,
    jsonb_build_object(
      'concurrency', coalesce(w.concurrency, s.workspace_concurrency),
      'per_second', coalesce(w.per_second, s.workspace_per_second),
      'own', coalesce((
        select jsonb_agg(o) from (
          select workspace_id, concurrency, per_second from knockon.workspace_limits
          where subscriber = s.name and workspace_id is not null order by workspace_id limit 100
        ) o), '[]')) as per_workspace,
    s.ordering, s.batch, (s.retry ->> 'attempts')::int as attempts, s.debounce, h.url,
    h.timeout_ms as request_ms, h.changed_at, h.failing_since, h.failing_cause,
    case when greatest(h.probe_at, h.resting_until) > now()
      then greatest(h.probe_at, h.resting_until) end as next_try_at,
    case when h.previous_until > now() then h.previous_until end as previous_until
  from knockon.subscribers s left join knockon.http_subscribers h on h.name = s.name
    left join knockon.controls c on c.subscriber = s.name
    left join knockon.workspace_limits w on w.subscriber = s.name and w.workspace_id is null
  where ${name === undefined ? pg`true` : pg`s.name = ${name}`} order by s.name collate "C"`;

/**
 * Every subscriber, or the one of that name, by name. Postgres answers most of it, so that it is
 * told while Temporal is away.
 */
export async function subscriberStatuses(
  { database: { pg }, queues }: ControlContext,
  name?: string,
): Promise<SubscriberStatus[]> {
  const rows = await readRows(pg, name);
  const names = rows.map((row) => row.name);
  const [backlogs, rates, workers, now, states] = await Promise.all([
    readBacklogs(pg, names),
    readRates(pg),
    readWorkers(pg),
    databaseTime(pg),
    Promise.all(rows.map(({ task_queue }) => queues.describe(task_queue).catch(() => null))),
  ]);
  return rows.map((row, i) => {
    const state = states[i] ?? null;
    const pollers = (state?.pollers ?? []).filter((poller) => isFresh(poller, now));
    const processes = workersOf(row, workers, pollers);
    const backlog = backlogs.get(row.name);
    const { rate = 0, error_rate = 0 } = rates.get(row.name) ?? {};
    return {
      name: row.name,
      description: row.description,
      event_types: row.event_types,
      task_queue: row.task_queue,
      host: row.host,
      state: stateOf(row),
      health: healthOf(processes.length, error_rate, row),
      backlog: backlog?.backlog ?? 0,
      backlog_age_seconds: Math.max(0, backlog?.age ?? 0),
      waiting: backlog?.waiting ?? 0,
      queue: state && { calls: state.calls, age_seconds: state.age_seconds },
      rate,
      error_rate,
      workers: processes.length,
      versions: [...new Set(processes.flatMap(({ version }) => version ?? []))].sort(),
      processes,
      ...controlOf(row, state, queues.enforcedBy),
      per_workspace: row.per_workspace,
      http: httpOf(row),
      retired: retirementOf(row),
      drained: row.paused_at !== null && isDrained(row, row.paused_at, workers),
    };
  });
}

function controlOf(row: Row, state: QueueState | null, enforcedBy: 'server' | 'workers') {
  const { paused_at, paused_by, pause_reason, paused_until, per_second } = row;
  const until = paused_until?.toISOString() ?? null;
  const wanted = paused_at
    ? (state?.rate ?? null) === 0
    : (state?.rate ?? null) !== 0 && (per_second === null) === (state?.rate == null);
  return {
    per_second,
    paused: paused_at && {
      by: paused_by ?? '',
      reason: pause_reason ?? '',
      at: paused_at.toISOString(),
      until,
    },
    applied: enforcedBy === 'workers' || (state !== null && wanted),
  };
}

/**
 * Ours say so in Postgres, until they say good-bye; those in other languages are known by their
 * asking the queue.
 */
function workersOf(
  { name, task_queue }: Row,
  workers: WorkerPresence[],
  pollers: Poller[],
): WorkerState[] {
  const known = new Set(workers.map(({ identity }) => identity));
  const ours = workers.flatMap(({ alive, effects: { [name]: hosted }, ...worker }) =>
    alive && hosted && (hosted.queue ?? task_queue) === task_queue
      ? [{ ...worker, ...hosted }]
      : [],
  );
  const others = pollers.filter(
    ({ identity }) => !known.has(identity) && fingerprintIn(identity) === null,
  );
  return [
    ...ours.map(({ identity, version, seen_at, concurrency, running }) => ({
      identity,
      version,
      seen_at: seen_at.toISOString(),
      concurrency,
      running,
    })),
    ...others.map(({ identity, seen_at }) => ({
      identity,
      version: null,
      seen_at: seen_at.toISOString(),
      concurrency: null,
      running: null,
    })),
  ];
}

/**
 * An idle worker asks its queue again after a minute, in ms; one that is late by half of that is
 * gone. Temporal remembers it for five minutes.
 */
const POLL = 90_000;

/** @param now by the database's clock: Temporal's, by which it was seen, can't be asked */
export const isFresh = ({ seen_at }: Poller, now: number): boolean =>
  now - seen_at.getTime() < POLL;

/** How soon the server hands out no more calls of a subscriber that was paused, in ms. */
const PAUSE_HOLDS = 5000;

/**
 * Every worker has been seen since, a moment after the pause, and is at no call. Those in other
 * languages say nothing: their calls have ended once the time limit of one is over.
 */
function isDrained(
  { name, host, calls_have_ended }: Row,
  pausedAt: Date,
  workers: WorkerPresence[],
): boolean {
  if (host === 'worker') return calls_have_ended === true;
  const hosts = workers.filter(({ alive, effects }) => alive && effects[name]);
  return hosts.every(
    ({ seen_at, effects }) =>
      seen_at.getTime() > pausedAt.getTime() + 1000 && effects[name]?.running === 0,
  );
}
