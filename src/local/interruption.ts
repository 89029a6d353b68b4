/** Ctrl-C and friends: the first asks for a clean stop, the second for an end at once. */
export interface Interruption {
  /** Settles with the first signal. */
  first: Promise<NodeJS.Signals>;
  /** Settles with the second. */
  second: Promise<NodeJS.Signals>;
  received(): boolean;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm forwards the Ctrl-C that the terminal has sent us already: what follows this closely (ms) is the same press. */
const samePress = 700;

export function listenForSignals(): Interruption {
  let at: number | undefined;
  let resolveFirst: (signal: NodeJS.Signals) => void;
  let resolveSecond: (signal: NodeJS.Signals) => void;
  const first = new Promise<NodeJS.Signals>((resolve) => {
    resolveFirst = resolve;
  });
  const second = new Promise<NodeJS.Signals>((resolve) => {
    resolveSecond = resolve;
  });
  for (const signal of signals) {
    process.on(signal, () => {
      if (at === undefined) {
        at = Date.now();
        resolveFirst(signal);
      } else if (Date.now() - at > samePress) resolveSecond(signal);
    });
  }
  return { first, second, received: () => at !== undefined };
}
