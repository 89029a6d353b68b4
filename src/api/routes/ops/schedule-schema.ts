import { z } from '@hono/zod-openapi';
import { SCHEDULE_NAME } from '../../../ops/schedules/put.ts';
import { moment, text, timestamp, uuid } from '../../fields.ts';

const payload = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    { message: 'must be a JSON object' },
  )
  .openapi({
    type: 'object',
    additionalProperties: true,
    description: 'Each text in it that is `$scheduled_at` becomes the moment that the run was due.',
    example: { for: '$scheduled_at' },
  });

const name = z.string().openapi({ example: 'weekly-digest' });

export const scheduleParams = z.object({ name: name.regex(SCHEDULE_NAME) });

/** Of one that is made: what is wrong with its name is told. */
export const newScheduleParams = z.object({ name });

const DAY = 86_400;

const fields = {
  workspace_id: uuid,
  cron: text(1, 200).openapi({
    description:
      'Minute, hour, day of month, month and day of week; or @hourly, @daily, @weekly, @monthly ' +
      'or @yearly.',
    example: '0 9 * * 1',
  }),
  zone: text(1, 100)
    .default('UTC')
    .openapi({ description: 'The time zone of `cron`.', example: 'Europe/Berlin', default: 'UTC' }),
  event_type: text(1, 255).openapi({ example: 'digest.due' }),
  payload: payload.default({ scheduled_at: '$scheduled_at' }),
  key: text(1, 200)
    .nullable()
    .default(null)
    .openapi({ description: 'What its events are in order with.' }),
  catch_up_seconds: z
    .int()
    .min(60)
    .max(365 * DAY)
    .default(DAY)
    .openapi({
      description:
        'A run that could not be emitted at its time is emitted later, by so much at most. What ' +
        'is later is missed, and can be backfilled.',
    }),
  overlap: z
    .enum(['allow', 'skip'], { message: 'must be allow or skip' })
    .default('allow')
    .openapi({
      description:
        '`skip`: a run is skipped while the event of the run before is still open: a subscriber ' +
        'has neither done it nor given it up.',
    }),
};

export const newSchedule = z.strictObject(fields).openapi('NewSchedule');

const run = z.object({
  at: timestamp.openapi({ description: 'When it was due.' }),
  event_id: uuid.nullable().openapi({ description: 'Null: it was skipped.' }),
});

export const schedule = z
  .object({ name, ...fields })
  .extend({
    zone: z.string(),
    payload,
    key: z.string().nullable(),
    workspace_name: z.string(),
    state: z.enum(['active', 'paused']),
    paused: z.object({ by: z.string(), reason: z.string().nullable(), at: timestamp }).nullable(),
    next_at: timestamp.nullable().openapi({ description: 'Null while it is paused.' }),
    last_run: run.nullable(),
    missed: z
      .object({ from: timestamp, to: timestamp })
      .nullable()
      .openapi({ description: 'Runs that nobody emitted in time were due in between.' }),
    last_error: z.string().nullable().openapi({
      description: 'Why the run that is due could not be emitted. It is tried again every 10 s.',
    }),
    created_at: timestamp,
    changed_at: timestamp,
  })
  .openapi('Schedule');

export const scheduleInFull = schedule
  .extend({
    next: z.array(timestamp).openapi({ description: 'When it runs next: ten moments.' }),
    runs: z.array(run).openapi({ description: 'The newest twenty, the newest first.' }),
  })
  .openapi('ScheduleInFull');

export const emittedRun = z.object({ at: timestamp, event_id: uuid }).openapi('EmittedRun');

export const backfillRange = z
  .strictObject({
    from: moment,
    to: moment.optional().openapi({ description: 'Default: now.' }),
  })
  .openapi('ScheduleBackfill');

export const backfilled = z
  .object({
    due: z.int().openapi({ description: 'Runs that were due.' }),
    emitted: z.array(emittedRun).openapi({ description: 'Those that had not been emitted.' }),
  })
  .openapi('BackfilledRuns');
