import { createHash } from 'node:crypto';
import type { ChatMessage, LogLine } from '../chat-log/message.ts';

/** The last message of a log: it may go on once the log has grown. */
export interface OpenMessage {
  /** Its time, as the log says it. */
  place: string;
  /** Any one of these begins what it may become: so many bytes, and their digest. */
  begins: [bytes: number, digest: string][];
}

/** What a log's last message is known by once it has gone on; undefined for any other message. */
export function openMessageOf(line: LogLine & { message: ChatMessage }): OpenMessage | undefined {
  const { place } = line.message;
  if (!line.begins || place === undefined) return undefined;
  return { place, begins: line.begins.map((bytes) => [bytes.length, digest(bytes)]) };
}

/** Messages that earlier imports found at the end of their logs. */
export class OpenMessages {
  #at = new Map<string, OpenMessage[]>();
  #found = new Set<OpenMessage>();

  add(open: OpenMessage): void {
    this.#at.set(open.place, [...(this.#at.get(open.place) ?? []), open]);
  }

  /** Another log begins. */
  restart(): void {
    this.#found.clear();
  }

  /**
   * Whether a message is one of them that has gone on since. Each is found once: what begins with
   * the same words after it is another message.
   *
   * @param isKnown whether it is there as it is
   */
  hasGoneOn(line: LogLine & { message: ChatMessage }, isKnown: boolean): boolean {
    const there = this.#at.get(line.message.place ?? '');
    if (!there) return false;
    const bytes = line.foreign ?? Buffer.from(line.raw);
    const found = there.find(
      (open) =>
        !this.#found.has(open) &&
        open.begins.some(
          ([length, begin]) =>
            (isKnown ? length === bytes.length : length <= bytes.length) &&
            digest(bytes.subarray(0, length)) === begin,
        ),
    );
    if (found) this.#found.add(found);
    return found !== undefined && !isKnown;
  }
}

const digest = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
