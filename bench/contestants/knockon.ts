import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';
import type { Contestant } from './contestant.ts';
import { messageRequests, openWorkspace } from './workspace.ts';

/** Everything as `npm start` runs it: API, dispatcher, workflow worker, effect worker with its six effects. */
export const knockonAll: Contestant = {
  name: 'knockon',
  title: 'knockon, six effects running',
  async enter(product) {
    const workspace = await openWorkspace(product.api_url, product.admin_key);
    const [{ count }] = await product.sql<[{ count: number }]>`
      select count(*)::int from subscribers where event_types && array['message.created', '*']`;
    return {
      url: product.api_url,
      pid: (await product.processes()).find(({ command }) => / api$/.test(command))?.pid ?? product.pid,
      effects: count,
      requests: async (shape) => {
        const requests = await messageRequests(workspace, shape);
        await untilQuiet(product.sql);
        return requests;
      },
      watch: () => receiptsFromNow(product.sql, count),
      stop: async () => {},
    };
  },
};

/** Waits for receipts. Counting takes time from those who write them: at most a sixth, and so what it resolves with may be a little late. */
async function receiptsFromNow(sql: Sql, effects: number) {
  const [{ mark }] = await sql<[{ mark: string }]>`select uuidv7() as mark`;
  return {
    async settled(messages: number) {
      for (;;) {
        const began = performance.now();
        const [{ count }] = await sql<[{ count: number }]>`select count(*)::int from receipts where event_id > ${mark}`;
        if (count >= messages * effects) return;
        await wait(Math.max(50, 5 * (performance.now() - began)));
      }
    },
  };
}

/** Until nothing is waiting or under way. */
export async function untilQuiet(sql: Sql): Promise<void> {
  for (let open = 1; open > 0; ) {
    const [row] = await sql<[{ open: number }]>`
      select ((select count(*) from outbox where dispatch_id is null)
        + (select count(*) from dispatches d join outbox o on o.dispatch_id = d.id cross join unnest(d.subscribers) as s (name)
            where not exists (select from receipts r where r.event_id = o.event_id and r.subscriber = s.name)))::int as open`;
    open = row.open;
    if (open > 0) await wait(200);
  }
}
