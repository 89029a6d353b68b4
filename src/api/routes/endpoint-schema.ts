import { z } from '@hono/zod-openapi';
import type { EndpointRow } from '../../db/change-endpoint.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text, timestamp, uuid, visibleText } from '../fields.ts';
import { invalid } from '../problem.ts';

export const url = text(1, 2048)
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
    message: 'must be an http: or https: URL',
  })
  .refine(
    (value) => !URL.canParse(value) || new URL(value).username + new URL(value).password === '',
    {
      message: 'must be a URL without user and password; requests are signed instead',
    },
  )
  .openapi({ type: 'string', format: 'uri', example: 'https://example.com/hooks' });

/** Whether there are such types is looked up: see `checkEventTypes`. */
export const wanted = z
  .array(z.string().max(255))
  .min(1, { message: 'must have at least one event type or pattern, or "*" for all' })
  .max(100)
  .transform((types) => [...new Set(types)])
  .openapi({
    type: 'array',
    items: { type: 'string', maxLength: 255 },
    minItems: 1,
    maxItems: 100,
    description:
      'Names of event types (`GET /v1/event_types`), patterns such as `message.*` for all of one ' +
      'aggregate, or `*` for all. Types that are declared later count too.',
    example: ['message.created'],
  });

/** @throws Problem 422 that names each type that there is not, with the nearest */
export async function checkEventTypes(
  { eventTypes }: Pick<ApiDependencies, 'eventTypes'>,
  names: string[],
): Promise<void> {
  const unknown = await eventTypes.unknownWanted(names);
  if (unknown.length === 0) return;
  throw invalid(
    unknown.map(({ name, message }) => ({
      path: `event_types.${names.indexOf(name)}`,
      message,
    })),
  );
}

const description = visibleText(0, 1000)
  .nullish()
  .openapi({ type: ['string', 'null'], example: 'The order system' });
export const maxPerSecond = z
  .number({ message: 'must be a number from 0.01 to 10000, or null for no limit' })
  .min(0.01)
  .max(10_000)
  .nullish()
  .openapi({
    type: ['number', 'null'],
    description:
      'Most deliveries a second, all workers together; null: no limit. What is beyond waits, and ' +
      'uses up no tries.',
    example: 10,
  });
/** As many as a worker process ever makes to one endpoint. */
const MOST_AT_ONCE = 8;
const atOnce = `must be a whole number from 1 to ${MOST_AT_ONCE}, or null for ${MOST_AT_ONCE}`;
export const maxConcurrency = z
  .int({ message: atOnce })
  .min(1, { message: atOnce })
  .max(MOST_AT_ONCE, { message: atOnce })
  .nullish()
  .openapi({
    type: ['integer', 'null'],
    description: `Most requests at once from each worker process; null: ${MOST_AT_ONCE}.`,
    example: 2,
  });
const enabled = z.boolean({ message: 'must be true or false' }).openapi({
  description:
    '`false`: nothing is sent to it, and its deliveries are `missed`. `true`: as if it had never ' +
    'failed, from the next event on; ' +
    '409 where an operator has disabled it.',
});
const limits = { max_per_second: maxPerSecond, max_concurrency: maxConcurrency };
export const newEndpoint = z
  .strictObject({ url, event_types: wanted, description, ...limits })
  .openapi('NewEndpoint');
export const endpointChange = z
  .strictObject({
    url: url.optional(),
    event_types: wanted.optional(),
    description,
    ...limits,
    enabled: enabled.optional(),
  })
  .refine((given) => Object.keys(given).length > 0, {
    message: 'must have url, event_types, description, max_per_second, max_concurrency or enabled',
  })
  .openapi('EndpointChange', { minProperties: 1 });

/** Whether anything is sent to an endpoint. */
export const endpointState = z.enum(['active', 'failing', 'disabled'], {
  message: 'must be active, failing or disabled',
});

export const endpointSchema = z
  .object({
    id: uuid,
    url: z.string(),
    event_types: z.array(z.string()),
    description: z.string().nullable(),
    max_per_second: z.number().nullable(),
    max_concurrency: z.int().nullable(),
    state: endpointState.openapi({
      description:
        '`failing`: so many tries in a row have failed that one delivery at a time tries whether ' +
        'it works again; the others wait. ' +
        '`disabled`: nothing is sent to it until its owner enables it (PATCH `enabled`), or an ' +
        'operator does; deliveries of that time are `missed`.',
    }),
    disabled: z
      .object({ reason: z.string(), at: timestamp, by: z.enum(['endpoint', 'owner', 'operator']) })
      .nullable()
      .openapi({
        description:
          'Why nothing is sent to it. `by: endpoint`: it answered 410 Gone. `by: operator`: ' +
          'only an operator enables it again.',
      }),
    failures: z.int().openapi({ description: 'Tries in a row that have failed.' }),
    failing_since: timestamp.nullable(),
    next_try_at: timestamp
      .nullable()
      .openapi({ description: 'When a failing endpoint is tried again at the earliest.' }),
    resting_until: timestamp.nullable().openapi({
      description:
        'The endpoint asked (429 or 503 with Retry-After) for no request before; what is for it ' +
        'waits until then.',
    }),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('Endpoint');

/** An endpoint as clients see it, without its secret. */
export const toEndpoint = (row: EndpointRow) => ({
  id: row.id,
  url: row.url,
  event_types: row.event_types,
  description: row.description,
  max_per_second: row.max_per_second,
  max_concurrency: row.max_concurrency,
  state: stateOf(row),
  disabled: row.disabled_at && {
    reason: row.disabled_reason ?? '',
    at: row.disabled_at.toISOString(),
    by: row.disabled_by ?? ('owner' as const),
  },
  failures: row.failures,
  failing_since: row.failing_since?.toISOString() ?? null,
  next_try_at: row.probe_at?.toISOString() ?? null,
  resting_until: row.resting_until?.toISOString() ?? null,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
});

function stateOf({ disabled_at, failing_since }: EndpointRow): z.output<typeof endpointState> {
  if (disabled_at) return 'disabled';
  return failing_since ? 'failing' : 'active';
}
