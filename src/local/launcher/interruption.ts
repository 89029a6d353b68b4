import { whenNpmIsGone } from '../processes/npm-process.ts';

/** Ctrl-C and friends: the first asks for a clean stop, the second for an end at once. */
export interface Interruption {
  /** Settles with the first: a signal, or what has gone without whom we are not wanted any more. */
  first: Promise<string>;
  /** Settles with the second signal. */
  second: Promise<NodeJS.Signals>;
  received(): boolean;
  /** As a first signal. */
  interrupt(why: string): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * npm forwards the Ctrl-C that the terminal has sent us already: what follows this closely (ms) is
 * the same press.
 */
const samePress = 700;

export function listenForInterruption(): Interruption {
  let at: number | undefined;
  let resolveFirst: (why: string) => void;
  let resolveSecond: (signal: NodeJS.Signals) => void;
  const first = new Promise<string>((resolve) => {
    resolveFirst = resolve;
  });
  const second = new Promise<NodeJS.Signals>((resolve) => {
    resolveSecond = resolve;
  });
  const interrupt = (why: string) => {
    at ??= Date.now();
    resolveFirst(why);
  };
  for (const signal of signals) {
    process.on(signal, () => {
      if (at !== undefined && Date.now() - at > samePress) resolveSecond(signal);
      interrupt(signal);
    });
  }
  process.on('disconnect', () => interrupt('the parent process is gone'));
  whenNpmIsGone(() => interrupt('npm is gone'));
  return { first, second, received: () => at !== undefined, interrupt };
}
