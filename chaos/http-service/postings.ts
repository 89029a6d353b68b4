import type { Sql } from 'postgres';

/** An event as the service is given it. */
export interface Posting {
  id: string;
  workspace_id: string;
  key: string | null;
  seq: number | null;
}

/** What the service has taken: `place` rises with each event. It is the service's own table. */
export async function makePostings(client: Sql): Promise<void> {
  await client`
    create table public.postings (place bigint generated always as identity primary key,
      subscriber text not null, workspace_id uuid not null, key text, event_id uuid not null,
      seq bigint, unique (subscriber, event_id))`;
}

/** An event comes at least once: the first time counts. */
export async function writePostings(pg: Sql, subscriber: string, events: Posting[]): Promise<void> {
  const column = (pick: (event: Posting) => string | number | null) => events.map(pick);
  await pg`
    insert into public.postings (subscriber, workspace_id, key, event_id, seq)
    select ${subscriber}, workspace_id, key, event_id, seq from unnest(
      ${column((e) => e.workspace_id)}::uuid[], ${column((e) => e.key)}::text[],
      ${column((e) => e.id)}::uuid[], ${column((e) => e.seq)}::bigint[]
    ) with ordinality as t (workspace_id, key, event_id, seq, nth) order by nth
    on conflict do nothing`;
}
