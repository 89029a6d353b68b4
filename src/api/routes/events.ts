import { z } from '@hono/zod-openapi';
import { and, eq } from 'drizzle-orm';
import { shownEvents as events } from '../../db/schema/events.ts';
import { findSequence } from '../../db/sequences.ts';
import { type EventTiming, timingOf } from '../../events/event.ts';
import type { DomainEvent } from '../../events/index.ts';
import { cancelEvent } from '../../ops/scheduled-events.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { seq, text, timestamp, typeName, uuid } from '../fields.ts';
import { findChannel, whichOf } from '../find.ts';
import { cursor, limit, pageOf, readBounded, toPage } from '../paging.ts';
import { conflict, invalid, notFound } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';
import { readAfter, readBefore } from './event-pages.ts';

/** Members that only events with a `deliver_at` have. */
export const timing = {
  deliver_at: timestamp.optional().openapi({
    description: 'When it is dispatched, or was. Only of events that were emitted for later.',
  }),
  state: z.enum(['scheduled', 'due', 'cancelled']).optional().openapi({
    description: 'Of an event with deliver_at. `due`: it is dispatched, or was.',
  }),
  cancelled_at: timestamp.optional(),
};

/** An event, as it is in the log. */
export const event = z
  .object({
    id: uuid,
    type: z.string().openapi({ example: 'message.created' }),
    version: z.int().openapi({ description: "The payload's version." }),
    workspace_id: uuid,
    channel_id: uuid.nullable(),
    message_id: uuid.nullable(),
    key: z.string().nullable().openapi({
      description: "What it is in order with: its channel's id, or the key it was emitted with.",
    }),
    seq: z.int().nullable().openapi({
      description:
        'Its place among the events of its key; null without a key, and until it is due.',
    }),
    timestamp,
    payload: z.record(z.string(), z.unknown()),
    ...timing,
  })
  .openapi('Event');

const query = z.strictObject({
  type: typeName.optional(),
  channel_id: uuid.optional(),
  key: text(1, 200).optional().openapi({
    description: 'Only events of this key. The id of a channel is the key of its events.',
  }),
  after_seq: seq.optional().openapi({
    type: 'integer',
    description: 'With key or channel_id: only events after this place, oldest first.',
  }),
  state: z.enum(['scheduled', 'cancelled']).optional().openapi({
    description: 'Only events that are for later, the next due first; or that were cancelled.',
  }),
  limit,
  cursor: cursor(z.union([uuid, z.int()]), {
    pattern: '^([0-9]{1,15}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$',
  }),
});

const list = declareRoute('GET /v1/events', 'listEvents', {
  tags: ['Events'],
  summary: 'Read the log, newest first',
  refuses: [404],
  request: { query },
  responses: { 200: json(pageOf(event), 'Events.') },
});

const read = declareRoute('GET /v1/events/{id}', 'getEvent', {
  tags: ['Events'],
  summary: 'Read an event',
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(event, 'The event.') },
});

const cancel = declareRoute('DELETE /v1/events/{id}', 'cancelEvent', {
  tags: ['Events'],
  summary: 'Cancel an event that is scheduled',
  description:
    'It will not be dispatched, and stays in the log as cancelled. 409 once it has been ' +
    'dispatched. Of a cancel and a dispatch at the same moment, one happens.',
  refuses: [409],
  request: { params: z.object({ id: uuid }) },
  responses: { 204: { description: 'It is cancelled.' } },
});

type Row = typeof events.$inferSelect;

const toDomainEvent = (row: Row): DomainEvent & EventTiming => {
  const { sequence_id: _, deliver_at, cancelled_at, waits, ...event } = row;
  return {
    ...event,
    key: row.key ?? row.channel_id,
    timestamp: row.timestamp.toISOString(),
    ...timingOf({ deliver_at, cancelled_at, waits }),
  };
};

/**
 * Where a list by places starts; null: this is another list.
 *
 * @throws Problem 422 where it is neither
 */
function placeOf(page: z.output<typeof query>): number | null {
  const { after_seq, channel_id, key, cursor, state } = page;
  if (channel_id !== undefined && key !== undefined)
    throw invalid([{ path: 'key', message: 'can not be given together with channel_id' }]);
  if (after_seq === undefined) {
    if (typeof cursor !== 'number') return null;
    throw invalid([{ path: 'cursor', message: 'belongs to a list with after_seq: pass that too' }]);
  }
  if (state !== undefined)
    throw invalid([{ path: 'state', message: 'such events have no place: leave out after_seq' }]);
  if (channel_id === undefined && key === undefined)
    throw invalid([
      { path: 'after_seq', message: 'needs key or channel_id too: each key counts its places' },
    ]);
  if (typeof cursor === 'string')
    throw invalid([{ path: 'cursor', message: 'belongs to a list without after_seq' }]);
  return Math.max(after_seq, cursor ?? 0);
}

/** The log. */
export const eventRoutes = ({ database }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const query = c.req.valid('query');
      const { type, channel_id, key, state } = query;
      const workspaceId = c.get('workspaceId');
      const place = placeOf(query);
      const sequence =
        key === undefined ? channel_id : await findSequence(database.pg, workspaceId, key);
      if (key !== undefined && sequence === undefined)
        return c.json({ data: [], next_cursor: null }, 200);
      const page = { workspaceId, type, sequence, state };
      const cursor = typeof query.cursor === 'string' ? query.cursor : undefined;
      const select = (after: Row | undefined, count: number) =>
        place === null
          ? readBefore(database, page, { id: after?.id ?? cursor, count })
          : readAfter(database, page, { seq: after?.seq ?? place, count });
      const { rows, limit } = await readBounded(
        query.limit,
        select,
        ({ payload }) => JSON.stringify(payload).length,
      );
      if (rows.length === 0 && channel_id)
        await findChannel(database, { workspaceId, id: channel_id });
      return c.json(
        toPage(rows, limit, toDomainEvent, (row) => (place === null ? row.id : row.seq)),
        200,
      );
    })
    .openapi(read, async (c) => {
      const which = and(
        eq(events.id, c.req.valid('param').id),
        eq(events.workspace_id, c.get('workspaceId')),
      );
      const [row] = await database.db.select().from(events).where(which);
      if (!row) throw notFound('event');
      return c.json(toDomainEvent(row), 200);
    })
    .openapi(cancel, async (c) => {
      const found = await cancelEvent(database.pg, whichOf(c));
      if (found === 'unknown') throw notFound('event');
      if (found === 'own')
        throw conflict("It is one of Knock-on's own: delete its message instead.");
      if (found === 'dispatched') throw conflict('It has been dispatched already.');
      return c.body(null, 204);
    });
