import type { Database } from '../../../src/db/client.ts';

export interface History {
  workspaceId: string;
  channelId: string;
  messageId: string;
  eventId: string;
  dispatchId: string;
}

const six = ['analytics', 'audit', 'cache', 'notifications', 'search', 'webhooks'];

/**
 * Makes a deployment that has run for long: so many messages over the last days, in 100 channels of
 * 20 workspaces, dispatched ten at a time to six effects and done, the last thousand of them still
 * open for webhooks. Statistics are gathered, as autovacuum would have.
 *
 * @returns ids from its middle
 */
export async function aHistory({ pg }: Database, messages: number): Promise<History> {
  await pg.unsafe(`create function id_at(age interval, n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex(${Date.now()} - (extract(epoch from age) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid $$`);
  await pg`insert into knockon.workspaces (id, name) select id_at('40 days', n), 'w' || n from generate_series(1, 20) n`;
  await pg`insert into knockon.channels (id, workspace_id, name) select id_at('40 days', n), id_at('40 days', 1 + n % 20), 'c' || n from generate_series(1, 100) n`;
  await pg`create table made as select n, (${messages} - n) * (interval '30 days' / ${messages}) as age, 1 + n % 100 as channel, n / 10 as dispatch
    from generate_series(1, ${messages}::int) n`;
  await pg`insert into knockon.messages (id, workspace_id, channel_id, seq, author, text, sent_at, created_at, updated_at)
    select id_at(age, n), id_at('40 days', 1 + channel % 20), id_at('40 days', channel), n / 100 + 1, 'author ' || n % 50, 'text ' || n, now() - age, now() - age, now() - age from made`;
  await pg`update knockon.channels c set last_seq = m.seq, last_event_seq = m.seq from (select channel_id, max(seq) as seq from knockon.messages group by channel_id) m where m.channel_id = c.id`;
  await pg`insert into knockon.events (id, type, version, workspace_id, channel_id, message_id, sequence_id, seq, timestamp, payload)
    select m.id, 'message.created', 1, m.workspace_id, m.channel_id, m.id, m.channel_id, m.seq, m.created_at, jsonb_build_object('seq', m.seq, 'author', m.author) from knockon.messages m`;
  await pg`insert into knockon.dispatches (id, type, size, subscribers, claimed_at, started_at, open, settled_at)
    select id_at(min(age) - interval '1 ms', dispatch), 'message.created', count(*), ${six}, now() - min(age), now() - min(age),
      case when max(n) <= ${messages - 1000} then '{}'::text[] end, case when max(n) <= ${messages - 1000} then now() - min(age) end
    from made group by dispatch`;
  await pg`insert into knockon.outbox (event_id, workspace_id, channel_id, type, dispatch_id)
    select id_at(age, n), id_at('40 days', 1 + channel % 20), id_at('40 days', channel), 'message.created', d.id
    from made join (select dispatch, id_at(min(age) - interval '1 ms', dispatch) as id from made group by dispatch) d using (dispatch)`;
  await pg`insert into knockon.receipts (event_id, subscriber) select id_at(age, n), s from made cross join unnest(${six}::text[]) s
    where n <= ${messages - 1000} or s <> 'webhooks'`;
  await pg`insert into knockon.settled_totals select s, ${messages - 1000} from unnest(${six}::text[]) s`;
  await pg`insert into knockon.idempotency_keys (workspace_id, key, request_hash, status, created_at)
    select id_at('40 days', 1 + channel % 20), 'key ' || n, 'hash', 201, now() - age from made`;
  await pg`analyze`;
  const [middle] = await pg<History[]>`
    select e.workspace_id as "workspaceId", e.channel_id as "channelId", e.message_id as "messageId", e.id as "eventId", o.dispatch_id as "dispatchId"
    from knockon.events e join knockon.outbox o on o.event_id = e.id order by e.id offset ${Math.floor(messages / 2)} limit 1`;
  return middle!;
}

/**
 * So many events that are scheduled, a hundredth of them due, as many keys of a debounced effect,
 * and as many limited workspaces. Half of those two are to be looked at.
 */
export async function aCrowd({ pg }: Database, { workspaceId }: History, many: number) {
  await pg`insert into knockon.scheduled (id, type, version, workspace_id, channel_id, sequence_id, timestamp, payload, deliver_at)
    select id_at(interval '1 hour', n), 'invoice.due', 1, c.workspace_id, c.id, c.id, now(), '{}', now() + (n - ${many / 100}) * interval '1 minute'
    from generate_series(1, ${many}::int) n join knockon.channels c on c.id = id_at('40 days', 1 + n % 100)`;
  await pg`insert into knockon.debounces (subscriber, workspace_id, key, called_id, look_at)
    select 'digest', ${workspaceId}, 'key ' || n, id_at(interval '2 hours', n), now() + (n - ${many / 2}) * interval '1 minute' from generate_series(1, ${many}::int) n`;
  await pg`insert into knockon.workspace_turns (subscriber, workspace_id, look_at)
    select 'digest', knockon.uuidv7(), now() + (n - ${many / 2}) * interval '1 minute' from generate_series(1, ${many}::int) n`;
  await pg`insert into knockon.workspace_calls (subscriber, workspace_id, token, call, until)
    select subscriber, workspace_id, knockon.uuidv7(), 'killed', now() - interval '2 days' from knockon.workspace_turns`;
  await pg`analyze`;
}
