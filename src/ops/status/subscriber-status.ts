import type { Sql } from 'postgres';
import { databaseTime } from '../../db/server.ts';
import type { SubscriberHost } from '../../outbox/subscribers.ts';
import type { QueueState } from '../../transport/queues.ts';
import {
  type Control,
  type ControlContext,
  type SubscriberCondition,
  stateOf,
} from '../controls/controls.ts';
import type { WorkspaceLimitValues } from '../controls/workspace-limit.ts';
import { readBacklogs } from './backlogs.ts';
import { type HttpRow, type HttpState, httpOf } from './http-state.ts';
import { type RetiredRow, type Retirement, retirementOf } from './retirement.ts';
import {
  type HasWorkers,
  isDrained,
  isFresh,
  PAUSE_HOLDS,
  type WorkerState,
  workersOf,
} from './subscriber-workers.ts';
import { readRates, readWorkers } from './workers.ts';

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

interface Row
  extends Omit<Control, 'subscriber' | 'task_queue' | 'calls_per_second'>,
    HasWorkers,
    RetiredRow,
    HttpRow {
  per_workspace: PerWorkspace;
  description: string;
  event_types: string[];
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
  return {
    per_second,
    paused: paused_at && {
      by: paused_by ?? '',
      reason: pause_reason ?? '',
      at: paused_at.toISOString(),
      until,
    },
    applied: enforcedBy === 'workers' || (state !== null && isApplied(row, state)),
  };
}

/** Whether the queue has a rate where the control asks for one, and 0 where it is paused. */
function isApplied({ paused_at, per_second }: Row, { rate }: QueueState): boolean {
  if (paused_at) return rate === 0;
  return rate !== 0 && (per_second === null) === (rate === null);
}
