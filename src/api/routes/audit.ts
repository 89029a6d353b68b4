import { z } from '@hono/zod-openapi';
import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
import { auditEntries as entries } from '../../db/schema/audit.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { seq, timestamp, uuid } from '../fields.ts';
import { cursor, limit, pageOf, toPage } from '../paging.ts';
import { json, operation, router } from '../router.ts';

const hash = z.string().openapi({ description: 'Hex.' });

const entry = z
  .object({
    position: z.int().openapi({ description: 'From 1, without gaps.' }),
    event_id: uuid,
    event_type: z.string(),
    recorded_at: timestamp,
    digest: hash.openapi({ description: "The event's digest, hex." }),
    previous: hash.openapi({ description: 'The hash of the entry before, hex.' }),
    hash,
  })
  .openapi('AuditEntry');

const verdict = z
  .object({
    valid: z.boolean(),
    entries: z.int(),
    head: z.string().nullable().openapi({ description: "The newest entry's hash, hex; keep it elsewhere to prove the chain later." }),
    broken_at: z
      .object({ position: z.int(), reason: z.string() })
      .nullable()
      .openapi({ description: 'The first place where the chain does not hold.' }),
  })
  .openapi('AuditVerdict');

const list = operation({
  method: 'get',
  path: '/v1/audit',
  tags: ['Audit'],
  summary: "List the workspace's hash chain, newest first",
  request: {
    query: z.strictObject({
      after_position: seq.optional().openapi({ type: 'integer', description: 'Only entries after this position, oldest first.' }),
      limit,
      cursor: cursor(z.int()),
    }),
  },
  responses: { 200: json(pageOf(entry), 'Entries.') },
});

const verify = operation({
  method: 'get',
  path: '/v1/audit/verify',
  acts: true,
  tags: ['Audit'],
  summary: 'Check the whole chain against itself and against the events',
  responses: { 200: json(verdict, 'What was found; a broken chain is an answer too.') },
});

const shown = ({ workspace_id: _, digest, previous, hash, recorded_at, ...row }: typeof entries.$inferSelect) => ({
  ...row,
  recorded_at: recorded_at.toISOString(),
  digest: digest.toString('hex'),
  previous: previous.toString('hex'),
  hash: hash.toString('hex'),
});

/** The audit chain. */
export const auditRoutes = ({ database: { db }, verifyAudit }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { after_position, cursor, limit } = c.req.valid('query');
      const upwards = after_position !== undefined;
      const down = cursor === undefined ? undefined : lt(entries.position, cursor);
      const rows = await db
        .select()
        .from(entries)
        .where(
          and(eq(entries.workspace_id, c.get('workspaceId')), upwards ? gt(entries.position, Math.max(after_position, cursor ?? 0)) : down),
        )
        .orderBy(upwards ? asc(entries.position) : desc(entries.position))
        .limit(limit + 1);
      return c.json(
        toPage(rows, limit, shown, (row) => row.position),
        200,
      );
    })
    .openapi(verify, async (c) => c.json(await verifyAudit(c.get('workspaceId')), 200));
