import { z } from '@hono/zod-openapi';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { members } from '../../db/schema/messages.ts';
import { isEmailAddress } from '../../text/email-address.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { handle, name, timestamp } from '../fields.ts';
import { cursor, limit, pageOf, toPage } from '../paging.ts';
import { invalid, notFound } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';

const settings = z
  .strictObject({
    email: z
      .string()
      .normalize('NFC')
      .refine(isEmailAddress, {
        message: 'must be an e-mail address such as ada@example.com',
      })
      .nullish()
      .openapi({
        type: ['string', 'null'],
        format: 'idn-email',
        maxLength: 254,
        description: 'Where mails go, in any script.',
        example: 'ada@example.com',
      }),
    display_name: name.nullish().openapi({ type: ['string', 'null'], example: 'Ada Lovelace' }),
    emails: z
      .enum(['mentions', 'none'])
      .default('mentions')
      .openapi({ description: '`none`: no mail, only in-app notifications.' }),
  })
  .openapi('MemberSettings');

const member = z
  .object({
    handle: z.string(),
    email: z.string().nullable(),
    display_name: z.string().nullable(),
    emails: z.enum(['mentions', 'none']),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('Member');

/** Any text: a handle that can't be is a member who isn't there, and only PUT says why. */
const params = z.object({ handle: z.string().openapi({ example: 'ada' }) });

const put = declareRoute('PUT /v1/members/{handle}', 'putMember', {
  tags: ['Members'],
  summary: 'Say who is behind a handle; what is left out is reset',
  request: { params, body: body(settings) },
  responses: { 200: json(member, 'The member.') },
});

const read = declareRoute('GET /v1/members/{handle}', 'getMember', {
  tags: ['Members'],
  summary: 'Read a member',
  request: { params },
  responses: { 200: json(member, 'The member.') },
});

const remove = declareRoute('DELETE /v1/members/{handle}', 'deleteMember', {
  tags: ['Members'],
  summary: 'Forget a member; nobody is mailed any more',
  request: { params },
  responses: { 204: { description: 'Gone.' } },
});

const list = declareRoute('GET /v1/members', 'listMembers', {
  tags: ['Members'],
  summary: 'List members by handle',
  request: { query: z.strictObject({ limit, cursor: cursor(handle) }) },
  responses: { 200: json(pageOf(member), 'Members.') },
});

const toMember = ({ workspace_id: _, ...row }: typeof members.$inferSelect) => ({
  ...row,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
});

function isMember(workspaceId: string, given: string) {
  const parsed = handle.safeParse(given);
  if (!parsed.success) throw notFound('member');
  return and(eq(members.workspace_id, workspaceId), eq(members.handle, parsed.data));
}

function newHandle(given: string): string {
  const parsed = handle.safeParse(given);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ message }) => ({ path: 'handle', message })));
}

/** Members: who gets mail. */
export const memberRoutes = ({ database: { db } }: ApiDependencies) =>
  router()
    .openapi(put, async (c) => {
      const { email = null, display_name = null, emails } = c.req.valid('json');
      const key = {
        workspace_id: c.get('workspaceId'),
        handle: newHandle(c.req.valid('param').handle),
      };
      const [row] = await db
        .insert(members)
        .values({ ...key, email, display_name, emails })
        .onConflictDoUpdate({
          target: [members.workspace_id, members.handle],
          set: { email, display_name, emails, updated_at: sql`now()` },
        })
        .returning();
      return c.json(toMember(row!), 200);
    })
    .openapi(read, async (c) => {
      const [row] = await db
        .select()
        .from(members)
        .where(isMember(c.get('workspaceId'), c.req.valid('param').handle));
      if (!row) throw notFound('member');
      return c.json(toMember(row), 200);
    })
    .openapi(remove, async (c) => {
      const which = isMember(c.get('workspaceId'), c.req.valid('param').handle);
      const removed = await db.delete(members).where(which).returning({ handle: members.handle });
      if (removed.length === 0) throw notFound('member');
      return c.body(null, 204);
    })
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await db
        .select()
        .from(members)
        .where(
          and(
            eq(members.workspace_id, c.get('workspaceId')),
            cursor ? gt(members.handle, cursor) : undefined,
          ),
        )
        .orderBy(asc(members.handle))
        .limit(limit + 1);
      return c.json(
        toPage(rows, limit, toMember, (row) => row.handle),
        200,
      );
    });
