/** How many requests a window has: `{ requests: 600, seconds: 60 }`. */
export interface Quota {
  requests: number;
  /** Length of the window, whole seconds. */
  seconds: number;
}

/** What is left of somebody's quota after this request. */
export interface Use {
  /** False: this request is beyond it. */
  allowed: boolean;
  remaining: number;
  /** Until the window ends and there is a whole quota again. */
  resetMs: number;
}

/** Counts requests by name against one quota. */
export interface Meter {
  readonly quota: Quota;
  /** Counts `points` requests of this name. Negative ones are given back. Never throws: who can't count lets pass. */
  take(name: string, points?: number): Use | Promise<Use>;
}

/** Names that one window tells apart; all beyond share one count, so that a flood of addresses can't fill the memory. */
const NAMES = 100_000;

/** Counts in this process. All names have the same window: no timers, and what a window held goes with it. */
export function memoryMeter(quota: Quota, now: () => number = () => performance.now()): Meter {
  const counts = new Map<string, number>();
  let ends = 0;
  return {
    quota,
    take(given, points = 1) {
      const at = now();
      if (at >= ends) {
        counts.clear();
        ends = at + quota.seconds * 1000;
      }
      const name = counts.size < NAMES || counts.has(given) ? given : 'others';
      const count = (counts.get(name) ?? 0) + points;
      counts.set(name, count);
      return useOf(quota, count, ends - at);
    },
  };
}

export const useOf = ({ requests }: Quota, count: number, resetMs: number): Use => ({
  allowed: count <= requests,
  remaining: Math.max(0, requests - count),
  resetMs,
});
