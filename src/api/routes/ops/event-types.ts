import { z } from '@hono/zod-openapi';
import { isOwnType } from '../../../events/name.ts';
import { type Put, putEventType } from '../../../ops/event-types/put.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { cursor, limit, pageOf } from '../../paging.ts';
import { invalid, LISTED, Problem } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import {
  eventType,
  eventTypeParams,
  eventTypeWithVersions,
  findEventType,
  newEventType,
  versionQuery,
} from '../event-type-schema.ts';
import { eventTypePage } from '../event-types.ts';

const list = declareRoute('GET /v1/ops/event_types', 'opsListEventTypes', {
  summary: 'List event types by name, each in its current version',
  request: { query: z.strictObject({ limit, cursor: cursor(z.string().max(255)) }) },
  responses: { 200: json(pageOf(eventType), 'Event types.') },
});

const read = declareRoute('GET /v1/ops/event_types/{name}', 'opsGetEventType', {
  summary: 'Read an event type and its versions',
  request: { params: eventTypeParams, query: versionQuery },
  responses: { 200: json(eventTypeWithVersions, 'The event type.') },
});

const flag = (description: string) =>
  z.enum(['true', 'false']).default('false').openapi({ description });

const putQuery = z.strictObject({
  breaking: flag('`true`: the schema may refuse what the current one takes.'),
  take_over: flag('`true`: also if code has declared it. For types whose code is gone.'),
});

const put = declareRoute('PUT /v1/ops/event_types/{name}', 'putEventType', {
  summary: 'Make an event type, or change one',
  description:
    'Another schema is the next version. The same one again changes nothing, or description and ' +
    'examples alone. 409 with each reason where the schema may refuse payloads that the current ' +
    'one takes, unless `breaking=true`; and where the type is declared in code, unless ' +
    '`take_over=true`. A payload counts ' +
    'as having no fields of which a schema without `additionalProperties` says nothing.',
  refuses: [409],
  request: {
    params: eventTypeParams,
    query: putQuery,
    body: body(newEventType),
  },
  responses: { 200: json(eventType, 'The event type as it is now.') },
});

/** @throws Problem where it was not written */
function answerOf(name: string, put: Put) {
  switch (put.state) {
    case 'refused':
      throw invalid(put.issues);
    case 'incompatible':
      throw new Problem(
        409,
        `Payloads that fit version ${put.current.version} of ${name} may not fit this schema. ` +
          'Change it, or pass breaking=true to make it the next version all the same.',
        { type: 'incompatible-schema', errors: put.issues.slice(0, LISTED) },
      );
    case 'declared in code':
      throw new Problem(
        409,
        `${name} is declared in code (source: code), which says something else. ` +
          `Declare it there with version: ${put.current.version + 1}, and start that process.` +
          (isOwnType(name) ? '' : ' If that code is gone for good, pass take_over=true.'),
        { type: 'declared-in-code' },
      );
    default:
      return put.type;
  }
}

/** The event types, as operators see and change them. */
export const opsEventTypeRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => c.json(await eventTypePage(deps, c.req.valid('query')), 200))
    .openapi(read, async (c) => {
      const { name } = c.req.valid('param');
      return c.json(await findEventType(deps, name, c.req.valid('query').version), 200);
    })
    .openapi(put, async (c) => {
      const { name } = c.req.valid('param');
      const { breaking, take_over } = c.req.valid('query');
      const made = await putEventType(
        deps.database,
        { name, ...c.req.valid('json') },
        {
          by: c.get('operator').name,
          breaking: breaking === 'true',
          takeOver: take_over === 'true',
        },
      );
      const type = answerOf(name, made);
      deps.eventTypes.forget();
      return c.json(type, 200);
    });
