import { and, desc, eq, isNotNull, isNull, lt } from 'drizzle-orm';
import type { Database } from '../db/client.ts';
import { endpoints } from '../db/schema/webhooks.ts';
import { workspaces } from '../db/schema/workspaces.ts';

export interface EndpointFilter {
  workspace_id?: string;
  state?: 'active' | 'failing' | 'disabled';
}

const inState = {
  active: () => [isNull(endpoints.failing_since), isNull(endpoints.disabled_at)],
  failing: () => [isNotNull(endpoints.failing_since), isNull(endpoints.disabled_at)],
  disabled: () => [isNotNull(endpoints.disabled_at)],
};

/** Endpoints of all workspaces, newest first, each with its workspace's name. */
export async function listEndpoints({ db }: Database, given: { filter: EndpointFilter; limit: number; before?: string }) {
  const { workspace_id, state } = given.filter;
  return await db
    .select({ endpoint: endpoints, workspace: workspaces.name })
    .from(endpoints)
    .innerJoin(workspaces, eq(workspaces.id, endpoints.workspace_id))
    .where(
      and(
        workspace_id ? eq(endpoints.workspace_id, workspace_id) : undefined,
        ...(state ? inState[state]() : []),
        given.before ? lt(endpoints.id, given.before) : undefined,
      ),
    )
    .orderBy(desc(endpoints.id))
    .limit(given.limit);
}

/** @returns undefined where there is no such endpoint */
export async function readEndpoint({ db }: Database, id: string) {
  const [row] = await db
    .select({ endpoint: endpoints, workspace: workspaces.name })
    .from(endpoints)
    .innerJoin(workspaces, eq(workspaces.id, endpoints.workspace_id))
    .where(eq(endpoints.id, id));
  return row;
}
