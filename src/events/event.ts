/** One thing that has happened, as it lies in the log and travels in a webhook's body. */
export interface DomainEvent {
  /** UUIDv7. */
  id: string;
  /** `<aggregate>.<past participle>`. */
  type: string;
  /** The payload's version. */
  version: number;
  workspace_id: string;
  channel_id: string | null;
  message_id: string | null;
  /** What it is in order with: its channel's id, or the key it was emitted with; null: nothing. */
  key: string | null;
  /**
   * Position among the events of its key, from 0 without gaps, in commit order; null without a key.
   * A channel's first is `channel.created`.
   */
  seq: number | null;
  /** RFC 3339, UTC, milliseconds. */
  timestamp: string;
  payload: Record<string, unknown>;
}
