import { setImmediate } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { digestOf, type Entry, genesis, hashOf } from './hash.ts';

/** The end of a chain, locked by the transaction. */
interface Chain {
  entries: number;
  head: Buffer | null;
  /** The time of what is appended now, by the database's clock. */
  recorded_at: string;
}

type Chains = Map<string, Chain>;

type Link = Entry & { workspace_id: string; previous: Buffer; hash: Buffer };

/** Entries that are hashed in one go. More would hold up the process's other effects. */
const SLICE = 100;

/** Locks the chains of these events' workspaces, in the order of their ids to avoid deadlocks. */
export async function lockChains(tx: Transaction, events: DomainEvent[]): Promise<Chains> {
  const workspaces = [...new Set(events.map((event) => event.workspace_id))];
  const rows = await tx.execute<{
    workspace_id: string;
    entries: string;
    head: Buffer;
    recorded_at: string;
  }>(sql`
    insert into knockon.audit_heads as h (workspace_id, head)
    select id, ''::bytea from unnest(${sql.param(workspaces)}::uuid[]) as t (id) order by id
    on conflict (workspace_id) do update set entries = h.entries
    returning workspace_id, entries, head, to_char(
      clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    ) as recorded_at`);
  return new Map(
    rows.map(({ workspace_id, entries, head, recorded_at }) => [
      workspace_id,
      { entries: Number(entries), head: head.length > 0 ? head : null, recorded_at },
    ]),
  );
}

/** The events that no chain has yet. An event has one entry, even if its receipt was cleared. */
export async function unrecorded(tx: Transaction, events: DomainEvent[]): Promise<DomainEvent[]> {
  const column = (pick: (event: DomainEvent) => string) => sql.param(events.map(pick));
  const rows = await tx.execute<{ event_id: string }>(sql`
    select a.event_id from unnest(
      ${column((event) => event.workspace_id)}::uuid[], ${column((event) => event.id)}::uuid[]
    ) as t (workspace_id, event_id) cross join lateral (
      select event_id from knockon.audit_entries
      where workspace_id = t.workspace_id and event_id = t.event_id offset 0
    ) a`);
  const recorded = new Set(rows.map((row) => row.event_id));
  return recorded.size === 0 ? events : events.filter((event) => !recorded.has(event.id));
}

/**
 * Appends an entry for each event, in this order, to its workspace's chain.
 *
 * @throws Error if a workspace's chain is not locked
 */
export async function append(
  tx: Transaction,
  key: Buffer,
  chains: Chains,
  events: DomainEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const links: Link[] = [];
  for (const event of events) {
    links.push(link(key, chains, event));
    if (links.length % SLICE === 0) await setImmediate();
  }
  const column = (pick: (entry: Link) => string | number) => sql.param(links.map(pick));
  const hex = (pick: (entry: Link) => Buffer) => column((entry) => pick(entry).toString('hex'));
  await tx.execute(sql`
    with entries as (
      insert into knockon.audit_entries
        (workspace_id, position, event_id, event_type, recorded_at, digest, previous, hash)
      select workspace_id, position, event_id, event_type, recorded_at::timestamptz,
        decode(digest, 'hex'), decode(previous, 'hex'), decode(hash, 'hex')
      from unnest(
        ${column((l) => l.workspace_id)}::uuid[], ${column((l) => l.position)}::bigint[],
        ${column((l) => l.event_id)}::uuid[], ${column((l) => l.event_type)}::text[],
        ${column((l) => l.recorded_at)}::text[], ${hex((l) => l.digest)}::text[],
        ${hex((l) => l.previous)}::text[], ${hex((l) => l.hash)}::text[]
      ) as t (workspace_id, position, event_id, event_type, recorded_at, digest, previous, hash)
      returning workspace_id, position, hash
    ), ends as (
      select distinct on (workspace_id) workspace_id, position, hash
      from entries order by workspace_id, position desc
    )
    update knockon.audit_heads h set entries = e.position, head = e.hash
    from ends e where h.workspace_id = e.workspace_id`);
}

function link(key: Buffer, chains: Chains, event: DomainEvent): Link {
  const chain = chains.get(event.workspace_id);
  if (!chain) throw new Error(`the chain of workspace ${event.workspace_id} is not locked`);
  const previous = chain.head ?? genesis(key, event.workspace_id);
  const { recorded_at } = chain;
  const entry: Entry = {
    position: chain.entries + 1,
    event_id: event.id,
    event_type: event.type,
    recorded_at,
    digest: digestOf(event),
  };
  const hash = hashOf(key, previous, entry);
  chains.set(event.workspace_id, { entries: entry.position, head: hash, recorded_at });
  return { ...entry, workspace_id: event.workspace_id, previous, hash };
}
