import { z } from '@hono/zod-openapi';
import { and, asc, desc, eq, gt, type SQL } from 'drizzle-orm';
import { events } from '../../db/schema/events.ts';
import { findSequence } from '../../db/sequences.ts';
import { isBefore, matches } from '../../db/statements.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { seq, text, timestamp, typeName, uuid } from '../fields.ts';
import { findChannel } from '../find.ts';
import { cursor, limit, pageOf, readBounded, toPage } from '../paging.ts';
import { invalid, notFound } from '../problem.ts';
import { json, operation, router } from '../router.ts';

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
    seq: z
      .int()
      .nullable()
      .openapi({ description: 'Its place among the events of its key; null without a key.' }),
    timestamp,
    payload: z.record(z.string(), z.unknown()),
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
  limit,
  cursor: cursor(z.union([uuid, z.int()]), {
    pattern: '^([0-9]{1,15}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$',
  }),
});

const list = operation('GET /v1/events', 'listEvents', {
  tags: ['Events'],
  summary: 'Read the log, newest first',
  refuses: [404],
  request: { query },
  responses: { 200: json(pageOf(event), 'Events.') },
});

const read = operation('GET /v1/events/{id}', 'getEvent', {
  tags: ['Events'],
  summary: 'Read an event',
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(event, 'The event.') },
});

type Row = typeof events.$inferSelect;

const toDomainEvent = ({ sequence_id: _, ...row }: Row): DomainEvent => ({
  ...row,
  key: row.key ?? row.channel_id,
  timestamp: row.timestamp.toISOString(),
});

/**
 * Where the page starts, by `seq` upwards after a given place of a key, else by id downwards.
 */
function start({ after_seq, channel_id, key, cursor }: z.output<typeof query>): SQL | undefined {
  if (after_seq === undefined) {
    if (typeof cursor === 'number')
      throw invalid([
        { path: 'cursor', message: 'belongs to a list with after_seq: pass that too' },
      ]);
    return isBefore(events.id, cursor);
  }
  if (channel_id === undefined && key === undefined)
    throw invalid([
      { path: 'after_seq', message: 'needs key or channel_id too: each key counts its places' },
    ]);
  if (typeof cursor === 'string')
    throw invalid([{ path: 'cursor', message: 'belongs to a list without after_seq' }]);
  return gt(events.seq, Math.max(after_seq, cursor ?? 0));
}

/** The log. */
export const eventRoutes = ({ database }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const page = c.req.valid('query');
      const { type, channel_id, key, after_seq } = page;
      const workspaceId = c.get('workspaceId');
      const upwards = after_seq !== undefined;
      if (channel_id !== undefined && key !== undefined)
        throw invalid([{ path: 'key', message: 'can not be given together with channel_id' }]);
      const sequence =
        key === undefined ? channel_id : await findSequence(database.pg, workspaceId, key);
      if (key !== undefined && sequence === undefined)
        return c.json({ data: [], next_cursor: null }, 200);
      const filters = [
        eq(events.workspace_id, workspaceId),
        matches(events.type, type),
        matches(events.sequence_id, sequence),
      ];
      const select = (after: Row | undefined, count: number) =>
        database.db
          .select()
          .from(events)
          .where(
            and(
              ...filters,
              start(after ? { ...page, cursor: upwards ? (after.seq ?? 0) : after.id } : page),
            ),
          )
          .orderBy(upwards ? asc(events.seq) : desc(events.id))
          .limit(count);
      const { rows, limit } = await readBounded(
        page.limit,
        select,
        ({ payload }) => JSON.stringify(payload).length,
      );
      if (rows.length === 0 && channel_id)
        await findChannel(database, { workspaceId, id: channel_id });
      return c.json(
        toPage(rows, limit, toDomainEvent, (row) => (upwards ? row.seq : row.id)),
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
    });
