import { z } from '@hono/zod-openapi';
import { subscribers } from '../../../db/schema/outbox.ts';
import { openWays } from '../../../ops/controls/open-ways.ts';
import { timestamp, uuid } from '../../fields.ts';

const count = (description: string) => z.int().openapi({ description });
const number = (description: string) => z.number().openapi({ description });

const NAME = /^[a-z][a-z0-9_-]{0,62}$/;

export const subscriberName = z.string().regex(NAME).openapi({ example: 'search' });

/** What is wrong with a name that is given to a new one; undefined: nothing. */
export const refusedName = (name: string): string | undefined =>
  NAME.test(name)
    ? undefined
    : 'must have 1 to 63 lower-case letters, digits, "-" and "_", and begin with a letter';

export const host = z.enum(subscribers.host.enumValues).openapi({
  description:
    'Whose code does it: our worker’s (`effects`), that of a service which our worker asks ' +
    '(`http`), or that of somebody’s own Temporal worker (`worker`).',
});

const worker = z
  .object({
    identity: z.string().openapi({
      example: '4711@host.5d0c8a31/effects',
      description: 'Process, host, eight digits that tell its deployment from others, and kind.',
    }),
    version: z
      .string()
      .nullable()
      .openapi({ description: 'Null where it does not say: a worker in another language.' }),
    seen_at: timestamp,
    concurrency: z.int().nullable().openapi({ description: 'Calls of this subscriber at once.' }),
    running: z.int().nullable().openapi({ description: 'Those under way when it was last seen.' }),
  })
  .openapi('WorkerProcess');

const concurrency = z
  .int({ message: 'must be a whole number from 1 to 1000' })
  .min(1)
  .max(1000)
  .nullable()
  .openapi({
    description: 'Calls at once that have events of the workspace, of all workers together.',
    example: 4,
  });

/** Events a second; null: any number. */
export const eventsPerSecond = z
  .number()
  .min(0.001, { message: 'must be 0.001 or more; pause it to let nothing through' })
  .max(1_000_000)
  .nullable();

const workspaceEvents = eventsPerSecond.openapi({ description: 'Events a second.', example: 100 });

/** What a limit of workspaces may say; what is left out stays as it is. */
export const workspaceLimit = {
  concurrency: concurrency.optional(),
  per_second: workspaceEvents.optional(),
};

/** A limit of workspaces that says nothing is a mistake. */
export const hasLimit = (limit: { concurrency?: number | null; per_second?: number | null }) =>
  limit.concurrency !== undefined || limit.per_second !== undefined;
export const NO_LIMIT = 'must have concurrency or per_second';

export const perWorkspace = z
  .object({
    concurrency,
    per_second: workspaceEvents,
    own: z
      .array(z.object({ workspace_id: uuid, concurrency, per_second: workspaceEvents }))
      .openapi({ description: 'Those with limits of their own, by id; the first hundred.' }),
  })
  .openapi('PerWorkspace', {
    description: 'What one workspace may take of it at most; null: any number.',
  });

export const status = z
  .object({
    name: z.string().openapi({ example: 'search' }),
    description: z.string(),
    event_types: z.array(z.string()),
    task_queue: z.string(),
    host,
    state: z
      .enum(['active', 'paused', 'limited', 'retired'])
      .openapi({ description: 'What operators want of it.' }),
    health: z.enum(['ok', 'degraded', 'failing', 'down']).openapi({
      description:
        'How it is doing. `down`: no worker takes its calls; `failing`: half of the tries of ' +
        'the last five minutes failed, or more; `degraded`: 5 % or more.',
    }),
    backlog: count(
      'Events for it that it has neither done nor given up, without those that wait for a moment ' +
        'of their own.',
    ),
    backlog_age_seconds: number('Age of the oldest of them; 0 where there is none.'),
    waiting: count(
      'Events that wait for a moment of their own, such as a mail that gives its reader time.',
    ),
    queue: z
      .object({ calls: z.int(), age_seconds: z.number() })
      .nullable()
      .openapi({
        description:
          'Calls that wait in its queue, each for up to a batch of events; null where the ' +
          'transport does not answer.',
      }),
    rate: number('Events done a second, over the last minute.'),
    error_rate: number('Of what was tried in the last five minutes, which part failed: 0 to 1.'),
    workers: count('Worker processes that take its calls.'),
    versions: z.array(z.string()).openapi({ description: 'The versions they run.' }),
    processes: z.array(worker),
    per_second: z.number().nullable().openapi({ description: 'Its limit in events a second.' }),
    per_workspace: perWorkspace,
    paused: z
      .object({ by: z.string(), reason: z.string(), at: timestamp, until: timestamp.nullable() })
      .nullable(),
    http: z
      .object({
        url: z.string(),
        ordering: z.enum(['none', 'key', 'exclusive']),
        batch: z.int(),
        timeout: z.string().openapi({ example: '30s' }),
        attempts: z.int(),
        debounce: z
          .object({ by: z.literal('key'), wait: z.string(), most: z.string() })
          .nullable()
          .openapi({ description: 'Null: each event is for itself.' }),
        changed_at: timestamp,
        failing_since: timestamp
          .nullable()
          .openapi({ description: 'Set while it fails: one request at a time tries it then.' }),
        failing_cause: z
          .string()
          .nullable()
          .openapi({ description: 'Why the last request failed.', example: 'HTTP 500' }),
        next_try_at: timestamp
          .nullable()
          .openapi({ description: 'Set while it fails, or has asked for a rest.' }),
        previous_until: timestamp
          .nullable()
          .openapi({ description: 'Until then the secret before its own signs too.' }),
      })
      .nullable()
      .openapi({ description: 'Of an HTTP service; null for every other.' }),
    retired: z
      .object({
        by: z.string(),
        at: timestamp,
        open: z.enum(openWays).openapi({ description: 'What becomes of what was open.' }),
        handed_to: z.string().nullable(),
        operation_id: uuid.openapi({
          description: 'The operation that handles what was open.',
        }),
      })
      .nullable()
      .openapi({ description: 'Set where nothing new is for it.' }),
    drained: z.boolean().openapi({ description: 'Paused, and no worker is at any call of it.' }),
    applied: z.boolean().openapi({
      description: 'Whether the queue is as was asked; false while the transport does not answer.',
    }),
  })
  .openapi('SubscriberStatus');

export const advice = z
  .object({
    name: z.string(),
    backlog: z.int(),
    arriving: number('Events for it a second, over the last minute.'),
    rate: number('Events it does a second, over the last minute.'),
    workers: z.int(),
    concurrency: count('Calls at once, of all its workers together.'),
    target_seconds: z.int(),
    drained_in_seconds: z
      .number()
      .nullable()
      .openapi({ description: 'At this rate; null: never, or nobody can say.' }),
    suggested_workers: z.int(),
    suggested_concurrency: count('Calls at once that each worker needs to make.'),
    advice: z.string(),
    command: z.string().nullable().openapi({
      description: 'What to run once for each worker that is to be added; null: nothing.',
    }),
  })
  .openapi('ScaleAdvice');
