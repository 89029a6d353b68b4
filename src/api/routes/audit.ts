import { z } from '@hono/zod-openapi';
import type { TransactionSql } from 'postgres';
import type { ApiDependencies, AuditProgress } from '../dependencies.ts';
import { seq, timestamp, uuid } from '../fields.ts';
import { heavily, LIST_MS, orProblem, ownership } from '../heavy-reads.ts';
import { limit, pageOf, seqCursor, toPage } from '../paging.ts';
import { Problem } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';

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
    head: z.string().nullable().openapi({
      description: "The newest entry's hash, hex; keep it elsewhere to prove the chain later.",
    }),
    broken_at: z
      .object({ position: z.int(), reason: z.string() })
      .nullable()
      .openapi({ description: 'The first place where the chain does not hold.' }),
  })
  .openapi('AuditVerdict');

const query = z.strictObject({
  after_position: seq
    .optional()
    .openapi({ type: 'integer', description: 'Only entries after this position, oldest first.' }),
  limit,
  cursor: seqCursor,
});

const list = declareRoute('GET /v1/audit', 'listAuditEntries', {
  tags: ['Audit'],
  summary: "List the workspace's hash chain, newest first",
  request: { query },
  responses: { 200: json(pageOf(entry), 'Entries.') },
});

const verify = declareRoute('GET /v1/audit/verify', 'verifyAudit', {
  acts: true,
  tags: ['Audit'],
  summary: 'Check the whole chain against itself and against the events',
  description:
    'Requests that come while a check of the chain is under way share its answer. A chain that ' +
    'takes longer than 10 s answers 503 and says how far it is: asked again within a minute, the ' +
    'check goes on there.',
  responses: { 200: json(verdict, 'What was found; a broken chain is an answer too.') },
});

interface Entry {
  position: number;
  event_id: string;
  event_type: string;
  recorded_at: Date;
  digest: Buffer;
  previous: Buffer;
  hash: Buffer;
}

const toAuditEntry = ({ digest, previous, hash, recorded_at, ...row }: Entry) => ({
  ...row,
  recorded_at: recorded_at.toISOString(),
  digest: digest.toString('hex'),
  previous: previous.toString('hex'),
  hash: hash.toString('hex'),
});

/** Entries from the newest down, or after a given position from the oldest up. */
function listEntries(
  pg: TransactionSql,
  workspaceId: string,
  { after_position, cursor, limit }: z.output<typeof query>,
) {
  const columns = pg`position::float8 as position, event_id, event_type, recorded_at, digest,
    previous, hash`;
  if (after_position === undefined) {
    const before = cursor ?? Number.MAX_SAFE_INTEGER;
    return pg<Entry[]>`
      select ${columns} from knockon.audit_entries where workspace_id = ${workspaceId}
        and position < ${before} order by position desc limit ${limit + 1}`;
  }
  const after = Math.max(after_position, cursor ?? 0);
  return pg<Entry[]>`
    select ${columns} from knockon.audit_entries where workspace_id = ${workspaceId}
      and position > ${after}
      order by position limit ${limit + 1}`;
}

const listing = { what: 'list', limitMs: LIST_MS, byIndex: true, advice: 'Ask for fewer entries.' };
const checking = {
  what: 'check of the chain',
  limitMs: LIST_MS,
  advice: 'Ask again: it goes on where it was.',
};

function unfinished({ checked, entries }: AuditProgress): Problem {
  const detail =
    `The check takes longer than 10 s: ${checked} of ${entries} entries hold so far. Ask again ` +
    'within a minute, and it goes on there.';
  return new Problem(503, detail, {
    type: 'took-too-long',
    headers: { 'retry-after': '1' },
    extensions: { checked, entries },
  });
}

/** The audit chain. */
export const auditRoutes = ({ heavy, verifyAudit }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const page = c.req.valid('query');
      const rows = await heavily(c, heavy, listing, (pg) =>
        listEntries(pg, c.get('workspaceId'), page),
      );
      return c.json(
        toPage(rows, page.limit, toAuditEntry, (row) => row.position),
        200,
      );
    })
    .openapi(verify, async (c) => {
      const { owner, signal } = ownership(c);
      const found = await orProblem(c, checking, () => verifyAudit(owner, signal));
      if ('checked' in found) throw unfinished(found);
      return c.json(found, 200);
    });
