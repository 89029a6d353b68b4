import { type Check, idsOf } from './check.ts';

/** Channels are made under a key too, by the transaction that any creating call uses. */
export const channels: Check = {
  promise: 'every accepted channel is there once, with its event, and no other',
  async look({ pg, workspaces }) {
    const accepted = new Set(workspaces.flatMap((workspace) => workspace.channels));
    const rows = await pg<{ id: string; events: number }[]>`
      select c.id, count(e.id)::int as events from knockon.channels c
      left join knockon.events e on e.channel_id = c.id and e.type = 'channel.created' and e.seq = 0
      where c.workspace_id = any(${idsOf(workspaces)}) group by c.id`;
    const there = new Map(rows.map(({ id, events }) => [id, events]));
    const wrong = [...accepted]
      .filter((id) => there.get(id) !== 1)
      .map((id) => `channel ${id} is not there with one event of its own`);
    for (const id of there.keys())
      if (!accepted.has(id)) wrong.push(`channel ${id} is there, and nobody was answered so`);
    return { examined: accepted.size, wrong };
  },
};
