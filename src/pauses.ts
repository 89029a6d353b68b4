import { setImmediate } from 'node:timers/promises';

/**
 * How long a loop may compute before others of its process have their turn, in ms: heartbeats,
 * answers, other workspaces' calls.
 */
const AT_ONCE = 5;

/**
 * What a loop over many values awaits after each: `await pause()` lets others have their turn where
 * it has computed for long enough, and costs nothing else.
 */
export function createPauses(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < AT_ONCE) return undefined;
    return setImmediate().then(() => {
      since = performance.now();
    });
  };
}

/** `list.map`, with pauses. */
export async function mapInPauses<T, R>(list: Iterable<T>, each: (item: T) => R): Promise<R[]> {
  const pause = createPauses();
  const results: R[] = [];
  for (const item of list) {
    results.push(each(item));
    await pause();
  }
  return results;
}
