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

/** Waits for receipts, in steps of 50 ms: so far may what it resolves with be late. */
async function receiptsFromNow(sql: Sql, effects: number) {
  const [{ mark }] = await sql<[{ mark: string }]>`select uuidv7() as mark`;
  return {
    async settled(messages: number) {
      for (let missing = 1; missing > 0; ) {
        const [{ count }] = await sql<[{ count: number }]>`select count(*)::int from receipts where event_id > ${mark}`;
        missing = messages * effects - count;
        if (missing > 0) await wait(50);
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
