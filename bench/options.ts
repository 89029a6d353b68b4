import { parseArgs } from 'node:util';

/** How much is measured. More is steadier; nothing else depends on it. */
export interface Extent {
  rounds: number;
  /** Requests of one contestant in one round. */
  requests: number;
  /** Requests before anything is measured, of each contestant in each shape. */
  warmUp: number;
  /** Messages posted one at a time for the idle latency. */
  idle: number;
  /** Messages between the first and the last look at the memory. */
  memory: number;
}

const full: Extent = { rounds: 5, requests: 8000, warmUp: 4000, idle: 30, memory: 50_000 };
const quick: Extent = { rounds: 2, requests: 3000, warmUp: 1000, idle: 10, memory: 5000 };

export const CONNECTIONS = 32;

/** A round that takes longer than this (seconds) is cut off: a stuck contestant ends the bench, not the day. */
export const LONGEST_ROUND = 90;

export interface Options {
  extent: Extent;
  json: boolean;
  /** Writes docs/bench.svg and the figures in docs/bench.md. */
  save: boolean;
  /** Parts to run; default all. */
  parts: Part[];
}

const parts = ['load', 'idle', 'memory'] as const;
export type Part = (typeof parts)[number];

export const usage = `npm run bench -- [options]
  --quick         a tenth of everything: is it working, not how fast is it
  --only <parts>  load, idle, memory; separated by commas
  --rounds <n>    rounds of the load part
  --json          one JSON document on stdout instead of the tables
  --save          write docs/bench.svg and the figures in docs/bench.md`;

/** @throws where the arguments can't be meant */
export function readOptions(args: string[]): Options & { help: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args,
    options: { quick: flag, json: flag, save: flag, help: flag, only: { type: 'string' }, rounds: { type: 'string' } },
  });
  const base = values.quick ? quick : full;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error('--rounds wants a whole number from 1 to 100');
  const chosen = values.only?.split(',') ?? [...parts];
  const isPart = (name: string): name is Part => (parts as readonly string[]).includes(name);
  const unknown = chosen.filter((name) => !isPart(name));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are ${parts.join(', ')}`);
  return { extent: { ...base, rounds }, json: values.json, save: values.save, help: values.help, parts: chosen.filter(isPart) };
}
