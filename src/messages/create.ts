import type { Message } from './message.ts';

/** A message as it was posted, checked against the API's schema. */
export interface NewMessage {
  workspaceId: string;
  channelId: string;
  author: string;
  text: string;
  metadata: Record<string, unknown>;
  /** Default: when it arrived. */
  sentAt?: Date;
  idempotency?: { key: string; requestHash: Buffer };
}

export type Posted =
  | { state: 'stored' | 'replayed'; message: Message & { event_id: string } }
  /** `key_mismatch`: the key was used for another request; `key_in_flight`: for one that has not been answered yet. */
  | { state: 'no_channel' | 'key_mismatch' | 'key_in_flight' };

/** Stores messages with their events. */
export interface MessageWriter {
  post(message: NewMessage): Promise<Posted>;
}
