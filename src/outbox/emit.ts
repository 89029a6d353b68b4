import { inOwnSchema } from '../db/own-schema.ts';
import type { DomainEvent, EventType } from '../events/index.ts';
import { isOwnType } from '../events/name.ts';
import { EmitError, explainFailure } from './emit-error.ts';
import { type NewEvent, type PayloadOf, readEvent, typeOf } from './new-event.ts';
import { type AnyTransaction, type Row, runIn } from './transactions.ts';

export type { AnyTransaction, NewEvent };
export { EmitError };

/** An event as it lies in the log. */
export type EmittedEvent<T> = Omit<DomainEvent, 'payload'> & {
  payload: PayloadOf<T>;
  /** When it is due, where that is later; its `seq` is null until then. */
  deliver_at?: string;
};

/** Tells dispatchers that something waits for them; arrives with the commit. */
export const EVENTS_CHANNEL = 'knockon_events';

/**
 * Emits an event in the caller's transaction: it is emitted if and only if that commits. With a key
 * or a channel it takes the next `seq`, so others who emit there wait until the transaction ends.
 *
 * @param tx a transaction of drizzle, postgres.js, pg, Kysely, Knex, Prisma or TypeORM. Given a
 * client that is in none, the event is emitted at once.
 * @throws EmitError where it was refused, the transaction is aborted or over, or the role may not
 * emit; else what the library throws. postgres.js and pg don't know that a transaction is over: the
 * event is then emitted at once
 */
export async function emit<T extends string | EventType<object>>(
  tx: AnyTransaction,
  event: NewEvent<T>,
): Promise<EmittedEvent<T>> {
  const { name } = typeOf(event);
  if (isOwnType(name))
    throw new EmitError(`the event type "${name}" is emitted by Knock-on itself`, {
      hint: 'Emit an event type of your own',
    });
  return await write(tx, event, 'emit_events');
}

/** The same for events of Knock-on's own types. */
export const emitOwn = <T extends string | EventType<object>>(
  tx: AnyTransaction,
  event: NewEvent<T>,
): Promise<EmittedEvent<T>> => write(tx, event, 'write_events');

async function write<T extends string | EventType<object>>(
  tx: AnyTransaction,
  event: NewEvent<T>,
  how: keyof typeof statements,
): Promise<EmittedEvent<T>> {
  const { name, payload, json } = readEvent(event);
  const { workspaceId, channelId, messageId } = event;
  const [row] = await runIn(tx, statements[how], json).catch((error) => {
    throw explainFailure(error);
  });
  const channel_id = channelId?.toLowerCase() ?? null;
  return {
    ...placed(row!),
    type: name,
    workspace_id: workspaceId.toLowerCase(),
    channel_id,
    key: event.key ?? channel_id,
    message_id: messageId?.toLowerCase() ?? null,
    payload,
  };
}

const RFC_3339 = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/**
 * All in one text. Libraries make something else of times and large numbers, each its own, and some
 * give columns other names, or parse what looks like JSON. Where there is none, nothing is between
 * two spaces.
 */
const statement = (call: string) =>
  inOwnSchema(`select format('event %s %s %s %s %s', id, version, seq,
    to_char("timestamp" at time zone 'utc', ${RFC_3339}),
    to_char(deliver_at at time zone 'utc', ${RFC_3339})) as event
    from ${call}`);

const statements = {
  emit_events: statement('knockon.emit_events($1::text::jsonb)'),
  // Its payload has been compared with its schema here.
  write_events: statement('knockon.write_events($1::text::jsonb, true)'),
};

type Placed = Pick<DomainEvent, 'id' | 'version' | 'seq' | 'timestamp'> & {
  deliver_at?: string;
};

/** Read leniently: the event is stored already. */
function placed(row: Row): Placed {
  const text = String(Object.values(row)[0]);
  const [, id = '', version, seq, timestamp = '', deliver_at] = text.split(' ');
  return {
    id,
    version: Number(version),
    seq: seq ? Number(seq) : null,
    timestamp,
    ...(deliver_at && { deliver_at }),
  };
}
