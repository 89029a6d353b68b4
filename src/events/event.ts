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
  /**
   * Position in its channel's log, from 0 (`channel.created`) without gaps, in commit order; null
   * outside a channel.
   */
  seq: number | null;
  /** RFC 3339, UTC, milliseconds. */
  timestamp: string;
  payload: Record<string, unknown>;
}
