// `npm run bench`: everything on this machine, in one run. See docs/bench.md.
import { cpus, loadavg } from 'node:os';
import { contestants } from './contestants/index.ts';
import { measureIdle } from './idle/measure.ts';
import { measureMemory } from './memory.ts';
import { type Options, readOptions, usage } from './options.ts';
import { bringUp, type Product } from './product.ts';
import { type Results, toRows } from './report/results.ts';
import { save } from './report/save.ts';
import { tables } from './report/tables.ts';
import { type Entered, playRounds } from './rounds.ts';

const tell = (line: string) => void process.stderr.write(`${line}\n`);
const options = readOptions(process.argv.slice(2));
if (options.help) console.log(usage);
else await run(options);

async function run({ extent, parts, ...options }: Options): Promise<void> {
  tell('bringing everything up');
  const product = await bringUp();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void product.stop().finally(() => process.exit(130)));
  const before = loadavg()[0]!;
  const results: Results = { taken_at: new Date().toISOString(), machine: { ...describeMachine(), load_average: [] } };
  try {
    // The quiet parts first: later the machine is warm with what the others have left.
    if (parts.includes('idle')) results.idle = await measureIdle(product, extent.idle);
    if (parts.includes('memory')) results.memory = await measureMemory(product, extent.memory, tell);
    if (parts.includes('load')) results.load = toRows(contestants, await takeTurns(product, extent));
  } finally {
    await product.stop();
  }
  results.machine.load_average = [before, loadavg()[0]!];
  console.log(options.json ? JSON.stringify(results, null, 2) : tables(results));
  if (options.save) await save(results);
}

function describeMachine() {
  return { cpus: cpus().length, model: cpus()[0]?.model.trim() ?? 'unknown', node: process.versions.node };
}

async function takeTurns(product: Product, extent: Options['extent']) {
  const entered: Entered[] = [];
  try {
    for (const contestant of contestants) entered.push({ contestant, entrant: await contestant.enter(product) });
    return await playRounds(product, entered, extent, tell);
  } finally {
    for (const { entrant } of entered) await entrant.stop();
  }
}
