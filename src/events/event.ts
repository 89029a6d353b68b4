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

/** What the view `shown_events` says of when an event is dispatched. */
export interface TimingRow {
  deliver_at: Date | null;
  cancelled_at: Date | null;
  /** It is scheduled. */
  waits: boolean;
}

/** When an event that was emitted for later is dispatched; nothing of all others. */
export interface EventTiming {
  /** RFC 3339. */
  deliver_at?: string;
  /** `due`: its moment has come, and it goes the way of all events. */
  state?: 'scheduled' | 'due' | 'cancelled';
  cancelled_at?: string;
}

export function timingOf({ deliver_at, cancelled_at, waits }: TimingRow): EventTiming {
  if (deliver_at === null) return {};
  const at = { deliver_at: deliver_at.toISOString() };
  if (cancelled_at !== null)
    return { ...at, state: 'cancelled', cancelled_at: cancelled_at.toISOString() };
  return { ...at, state: waits ? 'scheduled' : 'due' };
}
