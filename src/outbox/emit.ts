import { inOwnSchema } from '../db/own-schema.ts';
import {
  type DomainEvent,
  type EventType,
  eventType,
  explainIssues,
  type Payload,
} from '../events/index.ts';
import { isOwnType } from '../events/own-types.ts';
import { unkeptText } from '../events/unkept-text.ts';
import { EmitError, explainFailure } from './emit-error.ts';
import { type AnyTransaction, type Row, runIn } from './transactions.ts';

export type { AnyTransaction };
export { EmitError };

/** What the payload of a type is. A type that is named by a string: any JSON object. */
export type PayloadOf<T> = T extends EventType<infer P> ? P : Payload;

/** What has happened, before it has an id and a place in any order. */
export interface NewEvent<T extends string | EventType<object> = string> {
  /** What `defineEvent` returned, or the name of a declared type. */
  type: T;
  workspaceId: string;
  payload: PayloadOf<T>;
  /**
   * 1 to 200 characters, such as `invoice-42`. The workspace's events of a key are in order.
   * Default: the event is in no order.
   */
  key?: string | undefined;
  /** The event is in order with this channel's. Not together with `key`. */
  channelId?: string | undefined;
  messageId?: string | undefined;
  /** A UUIDv7 that was made within the last day (default: a new one). */
  id?: string | undefined;
  /**
   * When it is dispatched: a Date or RFC 3339, at most 366 days ahead. Default, and where that is
   * past: as soon as the transaction has committed.
   */
  deliverAt?: Date | string | undefined;
}

/** An event as it lies in the log. */
export type EmittedEvent<T> = Omit<DomainEvent, 'payload'> & {
  payload: PayloadOf<T>;
  /** When it is due, where that is later; its `seq` is null until then. */
  deliver_at?: string;
};

/** Tells dispatchers that something waits for them; arrives with the commit. */
export const EVENTS_CHANNEL = 'knockon_events';

/** Most bytes of a payload as JSON. */
const LARGEST = 256 * 1024;

/**
 * Emits an event in the caller's transaction: it is emitted if and only if that commits. With a key
 * or a channel it takes the next `seq`, so others who emit there wait until the transaction ends.
 *
 * @param tx a transaction of drizzle, postgres.js, pg, Kysely, Knex, Prisma or TypeORM. Given a
 * client that is in none, the event is emitted at once.
 * @throws EmitError where it was refused, the transaction is aborted or over, or the role may not
 * emit; else what the library throws
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
  const { name, type } = typeOf(event);
  const payload = toJson(name, type, event.payload);
  const { workspaceId, channelId, messageId, key, id, deliverAt } = event;
  refuseWrongIds({ workspaceId, channelId, messageId, id });
  const told = { type: name, workspace: workspaceId, channel: channelId, message: messageId };
  const rest = JSON.stringify({ ...told, key, id, version: type?.version, deliver_at: deliverAt });
  const sent = `[${rest.slice(0, -1)},"payload":${payload}}]`;
  const [row] = await runIn(tx, statements[how], sent).catch((error) => {
    throw explainFailure(error);
  });
  return {
    ...placed(row!),
    type: name,
    workspace_id: workspaceId.toLowerCase(),
    channel_id: channelId?.toLowerCase() ?? null,
    message_id: messageId?.toLowerCase() ?? null,
    payload: event.payload,
  };
}

const RFC_3339 = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/** All as text: libraries make something else of times and large numbers, each its own. */
const statement = (call: string) =>
  inOwnSchema(`select id::text as id, version::text as version, key, seq::text as seq,
    to_char("timestamp" at time zone 'utc', ${RFC_3339}) as timestamp,
    to_char(deliver_at at time zone 'utc', ${RFC_3339}) as deliver_at
    from ${call}`);

const statements = {
  emit_events: statement('knockon.emit_events($1::text::jsonb)'),
  // Its payload has been compared with its schema here.
  write_events: statement('knockon.write_events($1::text::jsonb, true)'),
};

const placed = ({ id, version, key, seq, timestamp, deliver_at }: Row) => ({
  id: id as string,
  version: Number(version),
  key: (key ?? null) as string | null,
  seq: seq === null ? null : Number(seq),
  timestamp: timestamp as string,
  ...(deliver_at === null ? {} : { deliver_at: deliver_at as string }),
});

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** In JavaScript no compiler says it, and Postgres knows these members by other names. */
function refuseWrongIds(ids: Record<string, string | undefined>): void {
  if (ids['workspaceId'] == null)
    throw new EmitError('the event names no workspace', {
      hint: 'Pass the id of one as `workspaceId`',
    });
  for (const [member, id] of Object.entries(ids))
    if (id != null && !isUuid.test(id)) throw new EmitError(`\`${member}\` is no UUID`);
}

interface Named {
  name: string;
  /** Undefined: this process has not declared it. The database may know it. */
  type: EventType<object> | undefined;
}

function typeOf({ type }: { type: string | EventType<object> }): Named {
  return typeof type === 'string'
    ? { name: type, type: eventType(type) }
    : { name: type.name, type };
}

/** @throws EmitError where the payload does not fit the type, or Postgres can't keep it */
function toJson(name: string, type: Named['type'], payload: unknown): string {
  const refused = `the payload of "${name}" is refused`;
  const issues = type?.check(payload) ?? [];
  if (issues.length > 0) throw new EmitError(`${refused}: ${explainIssues(issues)}`);
  const json = stringify(payload, refused);
  const bytes = Buffer.byteLength(json);
  if (bytes > LARGEST)
    throw new EmitError(`${refused}: it has ${bytes} bytes of JSON, and ${LARGEST} at most`, {
      hint: 'Store what is large elsewhere, and put its id into the payload',
    });
  const unkept = /\\u(0000|d[89a-f])/.test(json) ? unkeptText(payload) : undefined;
  if (unkept !== undefined)
    throw new EmitError(`${refused}: ${unkept} holds NUL or half a character`, {
      hint: 'No text in Postgres can hold that: leave it out, or encode it',
    });
  return json;
}

function stringify(payload: unknown, refused: string): string {
  try {
    const json = JSON.stringify(payload);
    if (json?.startsWith('{')) return json;
  } catch (error) {
    throw new EmitError(`${refused}: it can't be written as JSON`, { cause: error });
  }
  throw new EmitError(`${refused}: it must be a JSON object`);
}
