import { z } from '@hono/zod-openapi';
import { and, desc, eq, ne } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { apiKeys, workspaces } from '../../db/schema/workspaces.ts';
import { isBefore } from '../../db/statements.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { keyPrefix, name, timestamp, uuid } from '../fields.ts';
import { type Which, whichOf } from '../find.ts';
import { type Keyring, newKey } from '../keys.ts';
import { once } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../paging.ts';
import { conflict, notFound } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';

export const newApiKey = z
  .strictObject({ name: name.default('unnamed').openapi({ example: 'billing service' }) })
  .openapi('NewApiKey');

export const apiKey = z
  .object({
    id: uuid,
    name: z.string(),
    prefix: keyPrefix,
    created_at: timestamp,
  })
  .openapi('ApiKey');

export const apiKeyWithSecret = apiKey.extend({ api_key: z.string() }).openapi('ApiKeyWithSecret');

const create = declareRoute('POST /v1/api_keys', 'createApiKey', {
  tags: ['Keys'],
  summary: 'Make another key for the workspace',
  creates: true,
  request: { body: body(newApiKey) },
  responses: {
    201: json(apiKeyWithSecret, 'The key; the secret is shown this once.'),
  },
});

const list = declareRoute('GET /v1/api_keys', 'listApiKeys', {
  tags: ['Keys'],
  summary: "List the workspace's keys, newest first",
  request: { query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(apiKey), 'Keys, without their secrets.') },
});

const remove = declareRoute('DELETE /v1/api_keys/{id}', 'deleteApiKey', {
  tags: ['Keys'],
  summary: 'Delete a key; it stops working at once',
  request: { params: z.object({ id: uuid }) },
  refuses: [409],
  responses: { 204: { description: "Gone. The workspace's last key can't be: 409." } },
});

const toApiKey = ({ id, name, prefix, created_at }: typeof apiKeys.$inferSelect) => ({
  id,
  name,
  prefix,
  created_at: created_at.toISOString(),
});

/** The keys of the caller's workspace. */
export const apiKeyRoutes = (deps: ApiDependencies, keyring: Keyring) =>
  router()
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      const made = await once(c, deps, given, async (tx) => {
        const { key, hash, prefix } = newKey();
        const [row] = await tx
          .insert(apiKeys)
          .values({ workspace_id: c.get('workspaceId'), name: given.name, prefix, hash })
          .returning();
        return { ...toApiKey(row!), api_key: key };
      });
      return c.json(made, 201);
    })
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await deps.database.db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.workspace_id, c.get('workspaceId')), isBefore(apiKeys.id, cursor)))
        .orderBy(desc(apiKeys.id))
        .limit(limit + 1);
      return c.json(toIdPage(rows, limit, toApiKey), 200);
    })
    .openapi(remove, async (c) => {
      const which = whichOf(c);
      const hash = await deps.database.db.transaction((tx) => removeKey(tx, which));
      keyring.forget(hash);
      return c.body(null, 204);
    });

/**
 * Never the last: nobody could make another. The workspace is held, so that two keys can't delete
 * each other.
 */
async function removeKey(tx: Transaction, { workspaceId, id }: Which): Promise<Buffer> {
  await tx
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(eq(workspaces.id, workspaceId))
    .for('update');
  const own = eq(apiKeys.workspace_id, workspaceId);
  const [key] = await tx
    .delete(apiKeys)
    .where(and(own, eq(apiKeys.id, id)))
    .returning({ hash: apiKeys.hash });
  if (!key) throw notFound('key');
  const [other] = await tx
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(and(own, ne(apiKeys.id, id)))
    .limit(1);
  if (!other)
    throw conflict("This is the workspace's last key: make another first, with POST /v1/api_keys.");
  return key.hash;
}
