import { eq } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { channels } from '../../db/schema/messages.ts';
import { workspaces } from '../../db/schema/workspaces.ts';
import { among } from '../../db/statements.ts';

/** Where a channel is, in words. */
export interface ChannelNames {
  workspace_id: string;
  workspace_name: string;
  channel_name: string;
}

/** The names of channels of any workspace, and of their workspaces, by the channels' ids. */
export async function channelNames(
  { db }: Database,
  ids: string[],
): Promise<Map<string, ChannelNames>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({
      id: channels.id,
      workspace_id: channels.workspace_id,
      workspace_name: workspaces.name,
      channel_name: channels.name,
    })
    .from(channels)
    .innerJoin(workspaces, eq(workspaces.id, channels.workspace_id))
    .where(among(channels.id, [...new Set(ids)]));
  return new Map(rows.map(({ id, ...names }) => [id, names]));
}
