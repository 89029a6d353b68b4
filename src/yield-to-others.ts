/**
 * How long a loop may compute before others of its process have their turn, in ms: heartbeats,
 * answers, other workspaces' calls.
 */
const AT_ONCE = 5;

/** What goes on with a loop that rests, in the order in which they began to. */
const resting: (() => void)[] = [];

/**
 * Until it is this loop's turn. One of all that rest goes on with each turn of the event loop: ten
 * of them delay an answer by no more than one does.
 */
function untilNext(): Promise<void> {
  return new Promise((resolve) => {
    if (resting.push(resolve) === 1) setImmediate(goOnWithOne);
  });
}

function goOnWithOne(): void {
  resting.shift()?.();
  if (resting.length > 0) setImmediate(goOnWithOne);
}

/** What a loop awaits: undefined where it may go on at once. */
export type Pause = () => Promise<void> | undefined;

/**
 * What a loop over many values awaits after each: `await pause()` lets others have their turn where
 * it has computed for long enough, and costs nothing else.
 */
export function createPauses(): Pause {
  let since = performance.now();
  return () => {
    if (performance.now() - since < AT_ONCE) return undefined;
    return untilNext().then(() => {
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

/** A long computation that may rest wherever it yields. */
export type Steps<R> = Generator<void, R, void>;

/** Computes it with pauses between its steps. */
export async function inPauses<R>(steps: Steps<R>, pause: Pause): Promise<R> {
  let step = steps.next();
  for (; !step.done; step = steps.next()) await pause();
  return step.value;
}

/** Computes it in one go. */
export function atOnce<R>(steps: Steps<R>): R {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
