/** Times of one kind of thing, in ms. Infinity: it never came. */
export interface Figures {
  count: number;
  p50: number | null;
  p99: number | null;
  max: number | null;
}

/**
 * The smallest of the times that so large a part of them does not exceed. @param part from 0 to 1
 */
export function percentile(times: readonly number[], part: number): number | null {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? null;
}

export const figuresOf = (times: readonly number[]): Figures => ({
  count: times.length,
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99),
  max: percentile(times, 1),
});
