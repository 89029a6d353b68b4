import { oldestUndispatched } from '../../outbox/ledger.ts';
import { subscriberStatuses } from '../status/subscriber-status.ts';
import { verifyLedger } from '../status/verify.ts';
import { counted } from '../wording.ts';
import { age, type DoctorContext, type Finding, fail, pass } from './finding.ts';

export async function checkUndispatched({
  database: { pg },
  readyAgeMs,
}: DoctorContext): Promise<Finding[]> {
  const oldest = await oldestUndispatched(pg);
  if (oldest === null) return [pass('undispatched', 'every event has been dispatched')];
  const detail = `the oldest event that has not been dispatched has waited ${age(oldest)}`;
  if (oldest * 1000 <= readyAgeMs) return [pass('undispatched', detail)];
  return [
    fail(
      'undispatched',
      detail,
      'See that a dispatcher runs (`knockon relay`, or the API with KNOCKON_DISPATCHER=on) and ' +
        'that Temporal answers.',
    ),
  ];
}

/** How old an event may be whose effect nobody has done, though nothing keeps it, in seconds. */
const LATE = 300;

export async function checkBacklogs(context: DoctorContext): Promise<Finding[]> {
  const all = await subscriberStatuses(context);
  const late = all.filter((s) => s.state !== 'paused' && s.backlog_age_seconds > LATE);
  const total = all.reduce((sum, { backlog }) => sum + backlog, 0);
  if (late.length === 0)
    return [
      pass('backlog', `${counted(total, 'event')} on the way to their effects, none for long`),
    ];
  const detail = late
    .map(
      (s) =>
        `${s.name}: ${counted(s.backlog, 'event')}, the oldest of ${age(s.backlog_age_seconds)} ` +
        'ago',
    )
    .join('; ');
  const remedy = late
    .map(({ name, retired }) =>
      retired ? `\`knockon retire ${name} --open discard\`` : `\`knockon scale ${name}\``,
    )
    .join(', ');
  return [
    fail(
      'backlog',
      detail,
      'See whether it is failing (`knockon subscribers`, `knockon failed`) or too slow: ' +
        `${remedy}.`,
    ),
  ];
}

export async function checkDeadLetters({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const rows = await pg<{ subscriber: string; n: number }[]>`
    select subscriber, count(*)::int as n from knockon.dead_letters group by subscriber
      order by n desc`;
  if (rows.length === 0) return [pass('dead letters', 'there are none')];
  const detail = rows.map(({ subscriber, n }) => `${n} of ${subscriber}`).join(', ');
  return [
    fail(
      'dead letters',
      detail,
      'See their causes with `knockon failed`. Once that is mended: `knockon retry --all`, or ' +
        '`--subscriber NAME`. What nobody needs: `knockon discard`.',
    ),
  ];
}

/** Endpoints that are told by name. */
const MOST_NAMED = 3;

/**
 * Webhook endpoints that are left alone because they fail. It is their owners' trouble and nothing
 * is wrong here, so it is told and no more.
 */
export async function checkEndpoints({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const rows = await pg<{ id: string; url: string; cause: string | null; seconds: number }[]>`
    select id, url, failing_cause as cause,
      extract(epoch from now() - failing_since)::float8 as seconds
    from knockon.endpoints where failing_since is not null and disabled_at is null
      order by failing_since`;
  if (rows.length === 0) return [pass('endpoints', 'none is failing')];
  const told = rows
    .slice(0, MOST_NAMED)
    .map(
      ({ id, url, cause, seconds }) =>
        `${id} ${url} (${cause ?? 'no answer'}, for ${age(seconds)})`,
    );
  const more = rows.length > MOST_NAMED ? `; and ${rows.length - MOST_NAMED} more` : '';
  return [pass('endpoints', `${rows.length} failing, and left alone: ${told.join('; ')}${more}`)];
}

export async function checkLedger({
  database: { pg },
  running,
}: DoctorContext): Promise<Finding[]> {
  const { balanced, missing, asked } = await verifyLedger(pg, { running });
  const doubt = asked ? '' : '; the transport did not answer what is running';
  if (balanced) return [pass('ledger', `balanced: nothing is missing${doubt}`)];
  const remedy =
    'Healing restarts them once they are older than KNOCKON_HEAL_AGE; `knockon verify` names them.';
  const what =
    missing.length === 1
      ? '1 effect is missing: no dispatch is running for it'
      : `${missing.length} effects or more are missing: no dispatch is running for them`;
  return [fail('ledger', what, remedy)];
}

/** How late a run may be that is due and not paused, in seconds: dispatchers look every second. */
const LATE_RUN = 60;

/** Runs of schedules that nobody emits, or that can't be. */
export async function checkSchedules({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const rows = await pg<{ name: string; late: number; last_error: string | null }[]>`
    select name, last_error, extract(epoch from now() - next_at)::float8 as late
    from knockon.schedules where paused_at is null
      and (last_error is not null or next_at < now() - ${LATE_RUN} * interval '1 s')
    order by next_at limit 20`;
  if (rows.length === 0) return [pass('schedules', 'none is late')];
  const told = rows.map(
    ({ name, late, last_error }) =>
      `${name} is ${age(late)} late${last_error ? `: ${last_error}` : ''}`,
  );
  return [
    fail(
      'schedules',
      told.join('; '),
      'See that a dispatcher runs (`knockon relay`, or the API with KNOCKON_DISPATCHER=on), and ' +
        'mend what is said of one; `knockon schedules pause NAME` takes it out.',
    ),
  ];
}
