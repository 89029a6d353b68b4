import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import type { Drill } from './drill.ts';
import { drills } from './index.ts';

export interface Options {
  /** Undefined: they are listed. */
  drill: Drill | undefined;
  /** Does what the runbook says, instead of waiting for somebody who does. */
  cure: boolean;
  json: boolean;
  /** Goes on where a server of a running product is stopped. */
  yes: boolean;
  /** Brings a product up for itself, also where one runs. */
  own: boolean;
  help: boolean;
}

export const usage = `npm run drill                        what can be practised
npm run drill -- NAME [options]      produces it, says what people complain about, and waits until you have cured it
  --cure   does what the runbook says itself: exit code 0 where that helped
  --own    on a product of its own, also where \`npm start\` runs
  --yes    needed to stop a server of the \`npm start\` that runs
  --json   a line of JSON for each thing that happens
Exit codes: 0 cured (or listed), 1 not cured, 2 wrong usage, 130 interrupted.
docs/operations/runbook.md leads from symptom to cause to cure.`;

/** Thrown where the arguments can't be meant. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** @throws UsageError */
export function readOptions(args: string[]): Options {
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    cure: flag,
    json: flag,
    yes: { ...flag, short: 'y' },
    own: flag,
    help: { ...flag, short: 'h' },
  } as const;
  const { values, positionals } = parsed(() =>
    parseArgs({ args, options, allowPositionals: true }),
  );
  if (positionals.length > 1)
    throw new UsageError(`one drill at a time, not ${positionals.join(' and ')}`);
  const [name] = positionals;
  return { ...values, drill: name === undefined ? undefined : drillOf(name) };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function drillOf(name: string): Drill {
  const found = drills.find((drill) => drill.name === name);
  if (found) return found;
  const names = drills.map((drill) => drill.name);
  throw new UsageError(
    `there is no drill "${name}"; did you mean ${closest(name, names)}? There are ${names.join(', ')}.`,
  );
}
