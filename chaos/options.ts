import { parseArgs } from 'node:util';

/**
 * What is tried: processes are killed, bad neighbours are let loose, or the connections to Postgres
 * are.
 */
export type Mode = 'kills' | 'neighbours' | 'network';

export interface Options {
  mode: Mode;
  /** How long processes are killed. What follows, until every effect has happened, comes on top. */
  minutes: number;
  /** Who is killed when, and what is written, follow from it. */
  seed: number;
  transport: 'temporal' | 'pg-boss';
  /**
   * Kills only those whose names begin so, or makes only those troubles, or lets only those
   * neighbours loose; empty: all.
   */
  only: string[];
  /** Clients that write side by side. */
  writers: number;
  /** How many times as long as allowed the good customer may wait beside its neighbours. */
  slack: number;
  /** Also stops processes for a while and lets them go on (SIGSTOP, SIGCONT). */
  freeze: boolean;
  json: boolean;
  /** Keeps the folder with data and logs, also where all is well. */
  keep: boolean;
  help: boolean;
}

export const usage = `npm run chaos -- [options]
  --neighbours       kill nobody: one customer works beside many bad ones
  --network          kill nobody: freeze, drop and reset the connections to Postgres, make it read-only, stop it
  --minutes <n>      how long processes are killed under load (or what else is chosen); may be a fraction (2)
  --seed <n>         repeats the kills of another run; printed at the start (random)
  --transport <name> temporal or pg-boss (temporal)
  --only <names>     only processes (or troubles, or bad neighbours) whose names begin so, such as postgres,api (all)
  --writers <n>      clients that write side by side (12)
  --slack <n>        with --neighbours: n times as long is allowed as else, for machines that do other things too (1)
  --freeze           also freeze processes for up to 22 s (SIGSTOP) and let them go on
  --json             one JSON document on stdout instead of the tables; progress goes to stderr either way
  --keep             keep data and logs, also where all is well`;

/** @throws where the arguments can't be meant */
export function readOptions(args: string[]): Options {
  const flag = { type: 'boolean', default: false } as const;
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const { values } = parseArgs({
    args,
    options: {
      neighbours: flag,
      network: flag,
      minutes: text('2'),
      seed: text(String(Math.floor(Math.random() * 1_000_000))),
      transport: text('temporal'),
      only: text(''),
      writers: text('12'),
      slack: text('1'),
      freeze: flag,
      json: flag,
      keep: flag,
      help: flag,
    },
  });
  const { transport, freeze, json, keep, help } = values;
  const mode = modeOf(values);
  if (freeze && mode !== 'kills') throw new Error(`--freeze goes with kills, not with --${mode}`);
  if (transport !== 'temporal' && transport !== 'pg-boss')
    throw new Error(`--transport must be temporal or pg-boss, not ${JSON.stringify(transport)}`);
  const minutes = number('--minutes', values.minutes, { from: 0.05, to: 24 * 60 });
  const seed = whole('--seed', values.seed, { from: 0, to: 2 ** 32 - 1 });
  const writers = whole('--writers', values.writers, { from: 1, to: 500 });
  const slack = number('--slack', values.slack, { from: 1, to: 100 });
  if (slack !== 1 && mode !== 'neighbours') throw new Error('--slack goes with --neighbours only');
  return {
    mode,
    minutes,
    seed,
    transport,
    only: values.only.split(',').filter(Boolean),
    writers,
    slack,
    freeze,
    json,
    keep,
    help,
  };
}

function modeOf({ neighbours, network }: { neighbours: boolean; network: boolean }): Mode {
  if (neighbours && network)
    throw new Error('--neighbours and --network are two runs: give one of them');
  if (network) return 'network';
  return neighbours ? 'neighbours' : 'kills';
}

interface Range {
  from: number;
  to: number;
}

function number(name: string, given: string, { from, to }: Range): number {
  const value = given.trim() === '' ? Number.NaN : Number(given);
  if (!(value >= from && value <= to))
    throw new Error(`${name} must be a number from ${from} to ${to}, not ${JSON.stringify(given)}`);
  return value;
}

function whole(name: string, given: string, range: Range): number {
  const value = number(name, given, range);
  if (!Number.isInteger(value))
    throw new Error(`${name} must be a whole number, not ${JSON.stringify(given)}`);
  return value;
}
