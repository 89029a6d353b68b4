import ms, { type StringValue } from 'ms';

/** A duration with its unit, such as `30s` or `1.5h`, in ms; undefined for what is none. */
export function parseDuration(text: string): number | undefined {
  const typed = text.trim();
  // `ms` takes a number without a unit for milliseconds, and throws at a long text.
  if (typed.length > 99 || !/^(\d+|\d*\.\d+)\s*[a-z]+$/i.test(typed)) return undefined;
  const value: unknown = ms(typed as StringValue);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
