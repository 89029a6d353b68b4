import { setImmediate } from 'node:timers/promises';
import { type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { digestOf, type Entry, genesis, hashOf } from './hash.ts';

/** Where a chain ends; held by the transaction. */
interface Chain {
  entries: number;
  head: Buffer | null;
  /** When what is appended now is recorded, by the database's clock. */
  recorded_at: string;
}

type Chains = Map<string, Chain>;

type Link = Entry & { workspace_id: string; previous: Buffer; hash: Buffer };

/**
 * Entries that are reckoned in one go: a whole group would hold up what other effects of the
 * process are at.
 */
const SLICE = 100;

/** A moment as events and entries are hashed. */
export const asText = (moment: SQL) =>
  sql`to_char(${moment} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * Holds the chains of these events' workspaces until the transaction ends; in the order of the
 * workspaces, so that nobody waits for each other.
 */
export async function holdChains(tx: Transaction, events: DomainEvent[]): Promise<Chains> {
  const workspaces = [...new Set(events.map((event) => event.workspace_id))];
  const rows = await tx.execute<{
    workspace_id: string;
    entries: string;
    head: Buffer;
    recorded_at: string;
  }>(sql`
    insert into audit_heads as h (workspace_id, head)
    select id, ''::bytea from unnest(${sql.param(workspaces)}::uuid[]) as t (id) order by id
    on conflict (workspace_id) do update set entries = h.entries
    returning workspace_id, entries, head, ${asText(sql`clock_timestamp()`)} as recorded_at`);
  return new Map(
    rows.map((row) => [
      row.workspace_id,
      {
        entries: Number(row.entries),
        head: row.head.length > 0 ? row.head : null,
        recorded_at: row.recorded_at,
      },
    ]),
  );
}

/**
 * Those events that no chain has yet: one entry an event, even where receipts were cleared to run
 * the effect again.
 */
export async function unrecorded(tx: Transaction, events: DomainEvent[]): Promise<DomainEvent[]> {
  const rows = await tx.execute<{ event_id: string }>(sql`
    select a.event_id from unnest(
      ${sql.param(events.map((event) => event.workspace_id))}::uuid[], ${sql.param(events.map((event) => event.id))}::uuid[]
    ) as t (workspace_id, event_id) cross join lateral (
      select event_id from audit_entries where workspace_id = t.workspace_id and event_id = t.event_id offset 0
    ) a`);
  const recorded = new Set(rows.map((row) => row.event_id));
  return recorded.size === 0 ? events : events.filter((event) => !recorded.has(event.id));
}

/** Appends an entry for each event, in this order, to its workspace's chain. */
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
  await tx.execute(sql`
    with entries as (
      insert into audit_entries (workspace_id, position, event_id, event_type, recorded_at, digest, previous, hash)
      select workspace_id, position, event_id, event_type, recorded_at::timestamptz, decode(digest, 'hex'), decode(previous, 'hex'), decode(hash, 'hex')
      from unnest(
        ${column((l) => l.workspace_id)}::uuid[], ${column((l) => l.position)}::bigint[], ${column((l) => l.event_id)}::uuid[],
        ${column((l) => l.event_type)}::text[], ${column((l) => l.recorded_at)}::text[], ${column((l) => l.digest.toString('hex'))}::text[],
        ${column((l) => l.previous.toString('hex'))}::text[], ${column((l) => l.hash.toString('hex'))}::text[]
      ) as t (workspace_id, position, event_id, event_type, recorded_at, digest, previous, hash)
      returning workspace_id, position, hash
    ), ends as (
      select distinct on (workspace_id) workspace_id, position, hash from entries order by workspace_id, position desc
    )
    update audit_heads h set entries = e.position, head = e.hash from ends e where h.workspace_id = e.workspace_id`);
}

function link(key: Buffer, chains: Chains, event: DomainEvent): Link {
  const chain = chains.get(event.workspace_id);
  if (!chain) throw new Error(`the chain of workspace ${event.workspace_id} is not held`);
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
