import { parseArgs } from 'node:util';
import { contestants, orderedContestants } from './contestants/index.ts';
import { type ShapeName, shapeNames } from './shapes.ts';

/** How much is measured. More is steadier; nothing else depends on it. Times in seconds. */
export interface Extent {
  /** How often every contestant is visited for its turns under load. */
  rounds: number;
  warmUp: number;
  /** About what a turn takes, from the first request to the last effect. */
  turn: number;
  /** Messages posted one at a time for the idle latency. */
  idle: number;
  /** How long everything is left alone before its memory is looked at. */
  rest: number;
  /** Load before the API is killed. */
  crash: number;
  /** The backlog, and how long the contestant may take to work it off. */
  catchUp: { messages: number; seconds: number };
  sustained: number;
  /** Messages stored at the first and at the second look, and those of a look. */
  growth: { few: number; many: number; turn: number };
}

const full: Extent = {
  rounds: 2,
  warmUp: 3,
  turn: 4,
  idle: 20,
  rest: 5,
  crash: 2,
  catchUp: { messages: 60_000, seconds: 15 },
  sustained: 60,
  growth: { few: 1000, many: 100_000, turn: 4000 },
};
const quick: Extent = {
  rounds: 1,
  warmUp: 0.3,
  turn: 0.5,
  idle: 3,
  rest: 0,
  crash: 0.5,
  catchUp: { messages: 300, seconds: 10 },
  sustained: 2,
  growth: { few: 200, many: 2000, turn: 300 },
};

/** In the order in which a contestant does them. */
export const parts = [
  'idle',
  'load',
  'memory',
  'crash',
  'catch-up',
  'sustained',
  'growth',
] as const;
export type Part = (typeof parts)[number];

export interface Options {
  extent: Extent;
  json: boolean;
  /** Writes bench.svg, bench.json and the figures in bench.md, all in docs/internals/. */
  save: boolean;
  parts: (Part | 'ordered')[];
  /** Names; undefined: all, but for parts that are too long for all. */
  contestants: string[] | undefined;
  shapes: ShapeName[];
}

const allParts = [...parts, 'ordered'] as const;
const names = [...contestants, ...orderedContestants].map(({ name }) => name);

export const usage = `npm run bench -- [options]
  --quick                 a little of everything: does it work, not how fast is it
  --only <parts>          ${allParts.join(', ')}; separated by commas
  --contestants <names>   ${names.join(', ')}
  --shapes <shapes>       of the load part: ${shapeNames.join(', ')}
  --rounds <n>            rounds of the load part
  --minutes <n>           of the sustained part
  --json                  one JSON document on stdout instead of the tables
  --save                  write bench.svg, bench.json and the figures in bench.md (docs/internals)`;

/** @throws where the arguments can't be meant */
export function readOptions(args: string[]): Options & { help: boolean } {
  const [flag, text] = [{ type: 'boolean', default: false } as const, { type: 'string' } as const];
  const { values } = parseArgs({
    args,
    options: {
      quick: flag,
      json: flag,
      save: flag,
      help: flag,
      only: text,
      rounds: text,
      minutes: text,
      contestants: text,
      shapes: text,
    },
  });
  const base = values.quick ? quick : full;
  const whole = (name: 'rounds' | 'minutes') => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1 || number > 100)
      throw new Error(`--${name} must be a whole number from 1 to 100`);
    return number;
  };
  const rounds = values.rounds === undefined ? base.rounds : whole('rounds');
  const sustained = values.minutes === undefined ? base.sustained : 60 * whole('minutes');
  return {
    extent: { ...base, rounds, sustained },
    json: values.json,
    save: values.save,
    help: values.help,
    parts: choose('part', allParts, values.only) ?? [...allParts],
    contestants: choose('contestant', names, values.contestants),
    shapes:
      choose('shape', shapeNames, values.shapes) ??
      (values.quick ? ['one-channel', 'channels'] : [...shapeNames]),
  };
}

/** Those that are named, in their usual order. */
function choose<T extends string>(
  what: string,
  all: readonly T[],
  named: string | undefined,
): T[] | undefined {
  if (named === undefined) return undefined;
  const chosen = named.split(',').map((name) => name.trim());
  const unknown = chosen.filter((name) => !all.some((one) => one === name));
  if (unknown.length > 0)
    throw new Error(`there is no ${what} ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return all.filter((one) => chosen.includes(one));
}
