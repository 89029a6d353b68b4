import type { Sql } from 'postgres';
import type { WhatIsHeld } from '../db/group-commit/group-commit.ts';
import type { NewMessage } from './create.ts';

/** A message with everything that is known before the statement gives it its `seq`. */
export interface Pending extends NewMessage {
  id: string;
  eventId: string;
  createdAt: Date;
  /** Its metadata as JSON, made once. */
  metadataJson: string;
}

/** What became of a batch. */
export interface Stored {
  /** The `seq` of each message that was stored, by its id. */
  seqs: Map<string, number>;
  /**
   * Channels that another transaction holds: nothing of theirs was stored. Empty where they were
   * waited for.
   */
  held: Set<string>;
}

/**
 * Stores messages, their events and their places in the outbox, in one statement and so in one
 * transaction.
 *
 * Channels are locked in the order of their ids, so that two processes can't wait for each other,
 * and held until the commit: that is what makes `seq` gap-free and in commit order. A message whose
 * channel is gone or whose idempotency key is taken is left out and takes no `seq`. A key's row
 * that another transaction holds counts as taken: nobody waits for it.
 *
 * @param whatIsHeld whether a channel that somebody else holds is waited for, at most as long as
 * the connection waits for a lock
 * @throws Postgres' 55P03 where it waited in vain
 */
export async function storeMessages(
  pg: Sql,
  batch: Pending[],
  whatIsHeld: WhatIsHeld = 'left out',
): Promise<Stored> {
  const column = <T>(pick: (message: Pending) => T) => batch.map(pick);
  const later = partsForLater(pg, batch);
  const keys = partsForKeys(pg, batch);
  const rows = await pg<{ id: string; seq: string | null }[]>`
    with input as materialized (
      select * from unnest(
        ${column((m) => m.id)}::uuid[], ${column((m) => m.eventId)}::uuid[],
          ${column((m) => m.workspaceId)}::uuid[],
        ${column((m) => m.channelId)}::uuid[], ${column((m) => m.author)}::text[],
          ${column((m) => m.text)}::text[],
        ${column((m) => m.metadataJson)}::text[],
          ${column((m) => (m.sentAt ?? m.createdAt).toISOString())}::text[],
        ${column((m) => m.createdAt.toISOString())}::text[],
          ${column((m) => m.notify?.toString() ?? null)}::text[]
        ${keys.columns} ${later.column}
      ) with ordinality
        as t (id, event_id, workspace_id, channel_id, author, text, metadata, sent_at, created_at,
          notify ${keys.names} ${later.name}, place)
    ), locked as (
      select c.id, c.workspace_id, c.last_seq, c.last_event_seq from knockon.channels c
      where c.id in (select channel_id from input) order by c.id
        for no key update ${whatIsHeld === 'left out' ? pg`skip locked` : pg``}
    ) ${keys.taken}, accepted as (
      select i.*, row_number() over (partition by i.channel_id order by i.place) as nth, c.last_seq,
        c.last_event_seq ${later.moment}
      from input i join locked c on c.id = i.channel_id and c.workspace_id = i.workspace_id
      ${keys.accepted}
    ), advanced as (
      update knockon.channels c set last_seq = c.last_seq + n.count,
        last_event_seq = c.last_event_seq + n.events
      from (
        select channel_id, count(*), count(*) ${later.isNow} as events from accepted
        group by channel_id
      ) n
        where c.id = n.channel_id
    ), stored as (
      insert into knockon.messages (id, workspace_id, channel_id, seq, author, text, metadata,
        sent_at, created_at, updated_at, notify)
      select id, workspace_id, channel_id, last_seq + nth, author, text, metadata::jsonb,
        sent_at::timestamptz,
        created_at::timestamptz, created_at::timestamptz, notify::boolean
      from accepted returning id, seq
    ), logged as (
      insert into knockon.events (id, type, version, workspace_id, channel_id, message_id,
        sequence_id, seq, timestamp, payload)
      select event_id, 'message.created', 1, workspace_id, channel_id, id, channel_id,
        last_event_seq + ${later.nth}, created_at::timestamptz, ${payload(pg)}
      from accepted ${later.now}
    ), queued as (
      insert into knockon.outbox (event_id, workspace_id, channel_id, type)
      select event_id, workspace_id, channel_id, 'message.created' from accepted ${later.now}
    ) ${later.stored}
    select id, seq from stored
    union all
    select c.id, null from knockon.channels c
    where (select count(*) from locked) < (select count(distinct channel_id) from input)
      and c.id in (select channel_id from input) and c.id not in (select id from locked)`;
  const stored: Stored = { seqs: new Map(), held: new Set() };
  for (const { id, seq } of rows) {
    if (seq === null) stored.held.add(id);
    else stored.seqs.set(id, Number(seq));
  }
  return stored;
}

const payload = (pg: Sql) => pg`
  jsonb_build_object('seq', last_seq + nth, 'author', author, 'text', text, 'metadata',
    metadata::jsonb, 'sent_at', sent_at)`;

/** What the statement has more where some messages have idempotency keys. */
function partsForKeys(pg: Sql, batch: Pending[]) {
  const none = pg``;
  if (batch.every(({ idempotency }) => idempotency === undefined))
    return { columns: none, names: none, taken: none, accepted: none };
  const column = (pick: (key: { key: string; requestHash: Buffer }) => string) =>
    batch.map(({ idempotency }) => (idempotency ? pick(idempotency) : null));
  return {
    columns: pg`, ${column(({ key }) => key)}::text[],
      ${column(({ requestHash }) => requestHash.toString('hex'))}::text[]`,
    names: pg`, key, request_hash`,
    taken: pg`, wanted as (
      select i.* from input i join locked c on c.id = i.channel_id
        and c.workspace_id = i.workspace_id
      where i.key is not null
    ), keyed as (
      insert into knockon.idempotency_keys (workspace_id, key, request_hash, status, message_id)
      select workspace_id, key, decode(request_hash, 'hex'), 201, id from wanted
      order by workspace_id, key
      on conflict (workspace_id, key) do nothing
      returning message_id
    ), renewed as (
      select r.id as message_id from (
        select array_agg(workspace_id) as workspaces, array_agg(key) as keys,
          array_agg(request_hash) as request_hashes, array_agg(id) as ids
        from wanted where id not in (select message_id from keyed) having count(*) > 0
      ) n cross join lateral knockon.renew_keys(workspaces, keys, request_hashes, ids, null) r (id)
    )`,
    accepted: pg`where i.key is null or i.id in (select message_id from keyed)
        or i.id in (select message_id from renewed)`,
  };
}

/**
 * What the statement has more where some messages are for later, and nothing where none is. Their
 * events wait in `scheduled`, and take no `seq` until they are due.
 */
function partsForLater(pg: Sql, batch: Pending[]) {
  const none = pg``;
  if (batch.every(({ deliverAt }) => deliverAt === undefined))
    return {
      column: none,
      name: none,
      moment: none,
      isNow: none,
      nth: pg`nth`,
      now: none,
      stored: none,
    };
  const isNow = pg`filter (where deliver_at is null)`;
  const due = pg`date_trunc('milliseconds', i.due::timestamptz)`;
  return {
    column: pg`, ${batch.map(({ deliverAt }) => deliverAt?.toISOString() ?? null)}::text[]`,
    name: pg`, due`,
    moment: pg`, case when ${due} > now() then ${due} end as deliver_at`,
    isNow,
    nth: pg`row_number() over (partition by channel_id order by nth)`,
    now: pg`where deliver_at is null`,
    stored: pg`, for_later as (
      insert into knockon.scheduled (id, type, version, workspace_id, channel_id, message_id,
        sequence_id, timestamp, payload, deliver_at)
      select event_id, 'message.created', 1, workspace_id, channel_id, id, channel_id,
        created_at::timestamptz, ${payload(pg)}, deliver_at
      from accepted where deliver_at is not null order by place
    )`,
  };
}
