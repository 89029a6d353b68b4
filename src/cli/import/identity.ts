import { createHash } from 'node:crypto';
import type { ChatMessage } from '../chat-log/message.ts';

/** Names that are counted at once. */
const REMEMBERED = 100_000;

/** How a message of a log is known again. */
export interface Identity {
  name: string;
  /** A second name, by the bytes of its line: only where these are no UTF-8. */
  bytes?: string;
}

/**
 * Names the messages of a chat log, so that an import can be repeated, resumed and continued after
 * the log has grown.
 *
 * A message with a time is known by its time, author and text; said several times in the same
 * moment, by which time of these it is. So a copy of the file under another name or in another
 * layout, or a later excerpt that overlaps, adds only what is new. The time is the one that the log
 * says, whatever zone it is read in. A message without a time is known by its file and line
 * instead: "ok" in two such files is two messages.
 *
 * The last message of a log may go on when the log has grown: see open-messages.ts.
 *
 * What a line says that is no UTF-8 depends on the encoding that it is read in. Its bytes don't: so
 * it has a second name.
 *
 * The names of one log must be asked for in the order of its lines. What is said again in the same
 * moment is told apart as long as fewer than {@link REMEMBERED} other messages are between.
 *
 * @param source the file's name without its folder; `-` for stdin
 */
export function createIdentities(
  source: string,
): (message: ChatMessage, line: number, foreign?: Uint8Array) => Identity {
  const times = new Map<string, number>();
  const counted = (name: string) => {
    const time = (times.get(name) ?? 0) + 1;
    // At its end again: the oldest are forgotten first.
    times.delete(name);
    times.set(name, time);
    if (times.size > REMEMBERED) times.delete(times.keys().next().value!);
    return time === 1 ? name : `${name}.${time}`;
  };
  return ({ author, text, place: written }, line, foreign) => {
    const place = written ?? `${source}:${line}`;
    // A place to the microsecond is the message's own.
    const name = counted(digest(place.startsWith('=') ? [place] : [place, author, text]));
    if (!foreign) return { name };
    return { name, bytes: counted(digest([place, Buffer.from(foreign).toString('base64')])) };
  };
}

/**
 * The idempotency key of a message in a channel: names are the log's, and a log can be imported
 * into two channels.
 */
export function idempotencyKey(channelId: string, name: string): string {
  return `import-${digest([channelId, name])}`;
}

function digest(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
