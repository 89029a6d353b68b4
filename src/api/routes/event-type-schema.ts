import { z } from '@hono/zod-openapi';
import { readEventType, readVersion } from '../../ops/event-types/list.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text, timestamp, whole } from '../fields.ts';
import { notFound, Problem } from '../problem.ts';

const jsonObject = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    { message: 'must be a JSON object' },
  )
  .openapi({ type: 'object', additionalProperties: true });

const schema = jsonObject.openapi({
  description:
    'JSON Schema 2020-12 of the payload, with `"type": "object"`. Up to 64 KiB. Its patterns are ' +
    'those of RE2.',
  example: { type: 'object', properties: { amount: { type: 'integer' } }, required: ['amount'] },
});

/** A version of an event type. */
const version = z.object({
  version: z.int().openapi({ description: 'The version of the payload, from 1.' }),
  description: z.string(),
  schema,
  examples: z.array(jsonObject),
  source: z.enum(['code', 'api']).openapi({
    description: '`code`: a process declared it when it started. `api`: an operator sent it.',
  }),
  created_at: timestamp,
});

export const eventType = z
  .object({ name: z.string().openapi({ example: 'invoice.paid' }) })
  .extend(version.shape)
  .openapi('EventType');

export const eventTypeWithVersions = eventType
  .extend({
    versions: z.array(version).openapi({ description: 'The newest 100, the current one first.' }),
  })
  .openapi('EventTypeWithVersions');

export const newEventType = z
  .strictObject({
    description: text(0, 2000).default(''),
    schema,
    examples: z.array(jsonObject).max(20).default([]),
  })
  .openapi('NewEventType');

export const eventTypeParams = z.object({ name: z.string().openapi({ example: 'invoice.paid' }) });

export const versionQuery = z.strictObject({
  version: whole(1, 32_767)
    .optional()
    .openapi({ description: 'Shows this version; default: the current one.' }),
});

/** A type's version (default: the current one), with all its versions. @throws Problem 404 */
export async function findEventType(
  { database, eventTypes }: ApiDependencies,
  name: string,
  wanted?: number,
) {
  // No row has another name, and Postgres refuses some.
  const versions = /^[\w.]+$/.test(name) ? await readEventType(database.db, name) : [];
  const [current] = versions;
  if (!current) throw await noSuchType(eventTypes, name);
  const shown = wanted === undefined ? current : await readVersion(database.db, name, wanted);
  if (!shown)
    throw notFound(`version: ${name} has versions up to ${current.version}, and not ${wanted}`);
  return { ...shown, versions: versions.map(({ name: _, ...rest }) => rest) };
}

async function noSuchType(types: ApiDependencies['eventTypes'], name: string) {
  const near = await types.nearest(name);
  return new Problem(404, `There is no such event type${near ? `; did you mean ${near}?` : '.'}`);
}
