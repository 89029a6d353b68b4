import { timingSafeEqual } from 'node:crypto';
import type { Sql } from 'postgres';
import type { NewMessage, Posted } from './create.ts';
import type { Message } from './message.ts';

/** Why a message was left out: its key was taken, or there is no such channel. */
export async function explain(pg: Sql, { workspaceId, idempotency }: NewMessage): Promise<Posted> {
  if (!idempotency) return { state: 'no_channel' };
  const [taken] = await pg<Taken[]>`
    select k.request_hash, k.created_at < now() - interval '24 hours' as expired, e.id, k.message_id, e.channel_id, e.timestamp, e.payload
    from knockon.idempotency_keys k left join knockon.shown_events e on e.message_id = k.message_id
      and e.type = 'message.created'
    where k.workspace_id = ${workspaceId} and k.key = ${idempotency.key}`;
  if (!taken) return { state: 'no_channel' };
  // Another transaction holds its row: a later try finds it free.
  if (taken.expired) return { state: 'key_in_flight' };
  if (!timingSafeEqual(taken.request_hash, idempotency.requestHash))
    return { state: 'key_mismatch' };
  if (taken.id === null) return { state: 'answer_gone' };
  return { state: 'replayed', message: firstAnswer({ ...taken, id: taken.id }) };
}

/** An idempotency key, and the event of the message that it was used for. */
type Taken = Omit<Logged, 'id'> & { request_hash: Buffer; expired: boolean; id: string | null };

/** The event of a message, as it is in the log. */
interface Logged {
  id: string;
  message_id: string;
  channel_id: string;
  timestamp: Date;
  payload: FirstAnswer;
}

type FirstAnswer = Pick<Message, 'seq' | 'author' | 'text' | 'metadata' | 'sent_at'>;

/** The answer as it was, whatever has become of the message: the log still has it. */
function firstAnswer(row: Logged) {
  const created = row.timestamp.toISOString();
  const { seq, author, text, metadata, sent_at } = row.payload;
  const { channel_id, id: event_id, message_id: id } = row;
  return {
    id,
    channel_id,
    seq,
    author,
    text,
    metadata,
    sent_at,
    created_at: created,
    updated_at: created,
    event_id,
  };
}
