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
