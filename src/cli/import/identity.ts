import { createHash } from 'node:crypto';
import type { ChatMessage } from '../chat-log/message.ts';

/**
 * Names the messages of a chat log, so that an import can be repeated, resumed and continued after
 * the log has grown.
 *
 * A message with a time is known by its time, author, text and voice; said several times in the
 * same moment, by which time of these it is. So a copy of the file under another name, or a later
 * excerpt that overlaps, adds only what is new. A message without a time is known by its file and
 * line instead: "ok" in two such files is two messages.
 *
 * The names of one log must be asked for in the order of its lines. They take about 100 bytes of
 * memory each.
 *
 * @param source the file's name without its folder; `-` for stdin
 */
export function createIdentities(source: string): (message: ChatMessage, line: number) => string {
  const times = new Map<string, number>();
  return ({ author, text, sent_at, voice }, line) => {
    const place = sent_at ?? `${source}:${line}`;
    const name = digest([place, author, voice, text]);
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    return time === 1 ? name : `${name}.${time}`;
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
