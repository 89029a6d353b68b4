import { type EventType, eventType, explainIssues, type Payload } from '../events/index.ts';
import { unkeptText } from '../events/issue.ts';
import { unknownMember } from '../known-members.ts';
import { EmitError } from './emit-error.ts';

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

/** An event as it is sent to Postgres. */
interface Sent<T> {
  name: string;
  payload: PayloadOf<T>;
  json: string;
}

const members: Record<keyof NewEvent, true> = {
  key: true,
  type: true,
  workspaceId: true,
  payload: true,
  channelId: true,
  messageId: true,
  id: true,
  deliverAt: true,
};

/** Most bytes of a payload as JSON. */
const LARGEST = 256 * 1024;

/**
 * Checks what can be checked before anything is sent: in JavaScript no compiler does, and Postgres
 * knows the members by other names.
 *
 * @throws EmitError
 */
export function readEvent<T extends string | EventType<object>>(event: NewEvent<T>): Sent<T> {
  const { name, type } = typeOf(event);
  refuseMembers(event);
  const { json, value } = payloadOf(name, type, event.payload);
  const { workspaceId, channelId, messageId, key, id, deliverAt } = event;
  const told = { type: name, workspace: workspaceId, channel: channelId, message: messageId };
  const rest = JSON.stringify({ ...told, key, id, version: type?.version, deliver_at: deliverAt });
  return {
    name,
    payload: value as PayloadOf<T>,
    json: `[${rest.slice(0, -1)},"payload":${json}}]`,
  };
}

interface Named {
  name: string;
  /** Undefined: this process has not declared it. The database may know it. */
  type: EventType<object> | undefined;
}

/** @throws EmitError */
export function typeOf(event: { type: string | EventType<object> }): Named {
  if (typeof event !== 'object' || event === null)
    throw new EmitError('there is no event', {
      hint: 'Pass {type, workspaceId, payload} as the second argument',
    });
  const { type } = event;
  if (typeof type === 'string') return { name: type, type: eventType(type) };
  if (typeof type?.check === 'function') return { name: type.name, type };
  throw new EmitError(type == null ? 'the event names no type' : '`type` is no event type', {
    hint: 'Pass what `defineEvent` returned as `type`, or its name',
  });
}

/** As `knockon.why_unreadable` has it. */
const RFC_3339 =
  /^(?!0000)\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):[0-5]\d)$/i;
const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function refuseMembers(event: NewEvent<string | EventType<object>>): void {
  const unknown = unknownMember(event, members);
  if (unknown !== undefined) throw new EmitError(unknown);
  const { type, key, deliverAt, workspaceId, channelId, messageId, id } = event;
  if (workspaceId == null)
    throw new EmitError('the event names no workspace', {
      hint: 'Pass the id of one as `workspaceId`',
    });
  for (const [member, uuid] of Object.entries({ workspaceId, channelId, messageId, id }))
    if (uuid != null && !isUuid.test(uuid)) throw new EmitError(`\`${member}\` is no UUID`);
  if (key != null && typeof key !== 'string')
    throw new EmitError(`\`key\` is no string, but ${typeof key}`);
  const unkept = unkeptText({ type, key });
  if (unkept !== undefined) throw new EmitError(`\`${unkept}\` ${UNKEPT}`, { hint: NO_TEXT });
  if (deliverAt != null && !isMoment(deliverAt))
    throw new EmitError('`deliverAt` is no moment', {
      hint: 'Pass a Date before the year 10000, or a text such as 2027-01-31T09:00:00Z',
    });
}

/** As it will be sent: an invalid Date becomes null, and would be emitted at once. */
function isMoment(moment: Date | string): boolean {
  const sent: unknown = JSON.parse(JSON.stringify(moment) ?? 'null');
  return typeof sent === 'string' && RFC_3339.test(sent);
}

const UNKEPT = 'holds NUL or half a character';
const NO_TEXT = 'No text in Postgres can hold that: leave it out, or encode it';

/**
 * The payload as it will be stored: `toJSON` may have made something else of it.
 *
 * @throws EmitError where it does not fit the type, or Postgres can't keep it
 */
function payloadOf(name: string, type: Named['type'], payload: unknown) {
  const refused = `the payload of "${name}" is refused`;
  const json = stringify(payload, refused);
  const bytes = Buffer.byteLength(json);
  if (bytes > LARGEST)
    throw new EmitError(`${refused}: it has ${bytes} bytes of JSON, and ${LARGEST} at most`, {
      hint: 'Store what is large elsewhere, and put its id into the payload',
    });
  const value: unknown = JSON.parse(json);
  const issues = type?.check(value) ?? [];
  if (issues.length > 0) throw new EmitError(`${refused}: ${explainIssues(issues)}`);
  const unkept = /\\u(0000|d[89a-f])/.test(json) ? unkeptText(value) : undefined;
  if (unkept !== undefined)
    throw new EmitError(`${refused}: ${unkept} ${UNKEPT}`, { hint: NO_TEXT });
  return { json, value };
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
