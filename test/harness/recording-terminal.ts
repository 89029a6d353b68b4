import type { Terminal } from '../../src/cli/terminal/output.ts';

/** A terminal that remembers what was written to it. */
export function aTerminal(): Terminal & { said: string[]; complained: string[] } {
  const said: string[] = [];
  const complained: string[] = [];
  const out = (text: string) => void said.push(text);
  return {
    out,
    write: out,
    err: (text) => void complained.push(text),
    colours: false,
    live: false,
    said,
    complained,
  };
}
