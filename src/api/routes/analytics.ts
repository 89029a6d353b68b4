import { z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import type { TransactionSql } from 'postgres';
import { isUnknownZone } from '../../db/errors.ts';
import { analyticsQuarters as quarters } from '../../db/schema/read-models.ts';
import { ask } from '../../db/statements.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { moment, timestamp, uuid, whole, zone } from '../fields.ts';
import { findChannel } from '../find.ts';
import { heavily, LIST_MS } from '../heavy-reads.ts';
import { cursor, pageOf, toPlainPage } from '../paging.ts';
import { invalid } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';

const MOST = 10_000;

const query = z.strictObject({
  bucket: z
    .enum(['hour', 'day'], { message: 'must be hour or day' })
    .default('day')
    .openapi({ description: 'Of the zone `tz`.' }),
  tz: zone.default('UTC').openapi({
    description: 'A zone of the IANA database, such as `Europe/Berlin`.',
    example: 'UTC',
  }),
  from: moment.optional().openapi({
    type: 'string',
    description: 'Messages sent at this moment or later, to the quarter of an hour.',
  }),
  to: moment.optional().openapi({
    type: 'string',
    description: 'Messages sent before this moment, to the quarter of an hour.',
  }),
  channel_id: uuid.optional(),
  limit: whole(1, MOST)
    .default(MOST)
    .openapi({ description: 'Most buckets of the answer.', default: MOST }),
  cursor: cursor(z.tuple([z.iso.datetime(), uuid])),
});

const bucketSchema = z
  .object({ bucket: timestamp, channel_id: uuid, messages: z.int(), authors: z.int() })
  .openapi('AnalyticsBucket', {
    description:
      "A channel's messages, and how many people wrote them, in an hour or a day (UTC, by " +
      '`sent_at`).',
  });

const count = declareRoute('GET /v1/analytics/messages', 'countMessages', {
  tags: ['Analytics'],
  summary: 'Count messages and authors by channel and hour or day, oldest first',
  refuses: [404],
  request: { query },
  responses: { 200: json(pageOf(bucketSchema), 'Buckets with a message in them.') },
});

interface Bucket extends Record<string, unknown> {
  bucket: string;
  channel_id: string;
  messages: number;
  authors: number;
}

function countBuckets(tx: TransactionSql, workspaceId: string, given: z.output<typeof query>) {
  const { bucket, tz, from, to, channel_id, cursor, limit } = given;
  const start = sql`date_trunc(${bucket}::text, ${quarters.quarter}, ${tz}::text)`;
  const after = cursor
    ? sql`where (bucket, channel_id) > (${cursor[0]}::timestamptz, ${cursor[1]}::uuid)`
    : sql``;
  return ask<Bucket>(
    tx,
    sql`
    select to_char(bucket at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') as bucket,
      channel_id, sum(messages)::float8 as messages,
      count(distinct author) filter (where messages > 0)::int as authors
    from (
      select ${start} as bucket, ${quarters.channel_id} as channel_id, ${quarters.author} as author,
        sum(${quarters.messages}) as messages
      from ${quarters}
      where ${quarters.workspace_id} = ${workspaceId}
        ${channel_id ? sql`and ${quarters.channel_id} = ${channel_id}` : sql``}
        ${from ? sql`and ${quarters.quarter} >= ${from.toISOString()}` : sql``}
        ${to ? sql`and ${quarters.quarter} < ${to.toISOString()}` : sql``}
      group by 1, 2, 3
    ) as by_author
    ${after}
    group by by_author.bucket, channel_id
    having sum(messages) > 0
    order by by_author.bucket, channel_id
    limit ${limit + 1}`,
  );
}

const counting = {
  what: 'count',
  limitMs: LIST_MS,
  advice: 'Narrow it with from, to or channel_id.',
};

/** Postgres has a list of zones of its own, perhaps an older one. */
const unknownZone = (tz: string) =>
  invalid([
    { path: 'tz', message: `is a zone that Postgres does not know: ${tz}. Take one near it` },
  ]);

/** What the analytics effect has counted. */
export const analyticsRoutes = (deps: ApiDependencies) =>
  router().openapi(count, async (c) => {
    const given = c.req.valid('query');
    const workspaceId = c.get('workspaceId');
    const rows = await heavily(c, deps.heavy, counting, (tx) =>
      countBuckets(tx, workspaceId, given),
    ).catch((error: unknown) => {
      throw isUnknownZone(error) ? unknownZone(given.tz) : error;
    });
    if (rows.length === 0 && given.channel_id)
      await findChannel(deps.database, { workspaceId, id: given.channel_id });
    const page = toPlainPage([...rows], given.limit, (row) => [row.bucket, row.channel_id]);
    return c.json(page, 200);
  });
