// `npm run bench`: everything on this machine, in one run. See docs/internals/bench.md.
import { cpus, loadavg, totalmem } from 'node:os';
import type { Contestant } from './contestants/contestant.ts';
import { contestants, orderedContestants, ours } from './contestants/index.ts';
import { type Ground, prepareGround } from './ground.ts';
import { type Options, type Part, readOptions, usage } from './options.ts';
import { installPeers } from './peers-package.ts';
import { killContestant } from './processes.ts';
import type { Results } from './report/results.ts';
import { save } from './report/save.ts';
import { tables } from './report/tables.ts';
import { USUAL } from './shapes.ts';
import { type Plan, type Visit, visit } from './visit.ts';

const began = performance.now();
const tell = (line: string) =>
  void process.stderr.write(
    `${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`,
  );
const options = understood(process.argv.slice(2));
if (options.help) console.log(usage);
else await run(options);

function understood(args: string[]): ReturnType<typeof readOptions> {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

async function run(options: Options): Promise<void> {
  await installPeers(tell);
  const results: Results = {
    taken_at: new Date().toISOString(),
    machine: describeMachine(),
    contestants: [],
    visits: [],
    ordered: [],
  };
  const ground = await prepareGround();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // More than once: a terminal tells everybody, and so do npm and tsx, who then tell us again.
    process.on(signal, () => {
      if (interrupted.signal.aborted) return;
      interrupted.abort();
      void giveUp(ground);
    });
  }
  try {
    await measure(ground, options, results);
  } finally {
    // What is given up ends itself.
    if (!interrupted.signal.aborted) await ground.stop();
  }
  if (interrupted.signal.aborted) return;
  results.machine.load_average.push(loadavg()[0]!);
  results.seconds = Math.round((performance.now() - began) / 1000);
  console.log(options.json ? JSON.stringify(results, null, 2) : tables(results));
  if (options.save) await save(results);
  if ([...results.visits, ...results.ordered].some(({ failed }) => failed)) process.exitCode = 1;
}

async function measure(ground: Ground, options: Options, results: Results): Promise<void> {
  const { extent, shapes } = options;
  const present = await enroll(contestants, options, results);
  const ordered = options.parts.includes('ordered')
    ? await enroll(orderedContestants, options, results)
    : [];
  const parts = options.parts.filter((part): part is Part => part !== 'ordered');
  // What takes long is measured of ourselves alone, unless somebody is named.
  const long: Part[] = ['sustained', 'growth'];
  const isForAll = (part: Part) => !long.includes(part);
  const go = async (who: Contestant[], plan: Plan, into: Visit[]) => {
    if (plan.parts.length === 0) return;
    for (const contestant of who) into.push(await visit(ground, contestant, plan, tell));
  };
  await go(present, { extent, shapes, parts: parts.filter(isForAll) }, results.visits);
  const usual = shapes.includes(USUAL) ? [USUAL] : shapes;
  for (let round = 1; round < extent.rounds && parts.includes('load'); round += 1) {
    // Backwards every other time: the neighbour before is another one each time.
    const who = round % 2 === 1 ? [...present].reverse() : present;
    // The peers' other shapes are seen once: they hardly differ, and a run must end.
    for (const one of who)
      await go(
        [one],
        { extent, shapes: ours.includes(one.name) ? shapes : usual, parts: ['load'] },
        results.visits,
      );
  }
  const patient = options.contestants ? present : present.filter(({ name }) => ours.includes(name));
  for (const part of long.filter((one) => parts.includes(one)))
    await go(patient, { extent, shapes, parts: [part] }, results.visits);
  await go(
    ordered,
    { extent, shapes: ['channels', 'one-channel'], parts: ['load'] },
    results.ordered,
  );
}

/** Notes who is there, and who is not and why. */
async function enroll(
  all: Contestant[],
  { contestants: names }: Options,
  results: Results,
): Promise<Contestant[]> {
  const present: Contestant[] = [];
  for (const contestant of all.filter(({ name }) => names?.includes(name) ?? true)) {
    const { name, title, effects } = contestant;
    const absent = await contestant.absent?.();
    results.contestants.push({ name, title, effects, absent });
    if (absent) tell(`${name} is left out: ${absent}`);
    else present.push(contestant);
  }
  return present;
}

function describeMachine() {
  const memory = Math.round(totalmem() / 2 ** 30);
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memory,
    node: process.versions.node,
    load_average: [loadavg()[0]!],
  };
}

/** Nothing of what runs is worth keeping. */
async function giveUp(ground: Ground): Promise<void> {
  await killContestant();
  await ground.stop().finally(() => process.exit(130));
}
