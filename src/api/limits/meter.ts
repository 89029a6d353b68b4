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
  /**
   * Counts `points` requests of this name. Negative ones are given back. Never throws: who can't
   * count lets pass.
   */
  take(name: string, points?: number): Use | Promise<Use>;
}

/**
 * Names that are told apart in one window; all beyond share one count, so that a flood of addresses
 * can't fill the memory.
 */
const NAMES = 100_000;

/**
 * Counts in this process. A name's window begins with its first request. No timers: counts are kept
 * in two generations, and the older one goes once all its windows are over.
 */
export function memoryMeter(quota: Quota, now: () => number = () => performance.now()): Meter {
  const window = quota.seconds * 1000;
  let current = new Map<string, { count: number; ends: number }>();
  let former = current;
  let turns = now() + window;
  return {
    quota,
    take(given, points = 1) {
      const at = now();
      if (at >= turns) {
        former = at >= turns + window ? new Map() : current;
        current = new Map();
        turns = at + window;
      }
      const find = (name: string) => current.get(name) ?? former.get(name);
      const name = find(given) || current.size < NAMES ? given : 'others';
      const found = find(name);
      const use = found && found.ends > at ? found : { count: 0, ends: at + window };
      use.count += points;
      current.set(name, use);
      return useOf(quota, use.count, use.ends - at);
    },
  };
}

export const useOf = ({ requests }: Quota, count: number, resetMs: number): Use => ({
  allowed: count <= requests,
  remaining: Math.max(0, requests - count),
  resetMs,
});
