// `npm run drill`: produces what goes wrong, so that its cure can be practised. See
// docs/operations/runbook.md.
import type { Drill } from './drill.ts';
import { drills } from './index.ts';
import { type Options, readOptions, UsageError, usage } from './options.ts';
import { practise } from './practice.ts';
import { RefusedError } from './product/find.ts';
import { type Opened, openProduct } from './product/open.ts';
import { createTeller, type Teller } from './teller.ts';

process.exit(await main(process.argv.slice(2)));

/** @returns the exit code */
async function main(args: string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help) console.log(usage);
    else if (options.drill) return await drilled(options.drill, options);
    else list(options.json);
    return 0;
  } catch (error) {
    const isKnown = error instanceof UsageError || error instanceof RefusedError;
    console.error(
      isKnown ? `${error.message}${error instanceof UsageError ? `\n\n${usage}` : ''}` : error,
    );
    return isKnown ? 2 : 1;
  }
}

function list(json: boolean): void {
  const lines = drills.map(({ name, summary }) => `  ${name.padEnd(22)}${summary}`);
  const told = drills.map(({ name, summary, stops = null }) => ({ name, summary, stops }));
  console.log(json ? JSON.stringify(told) : `${lines.join('\n')}\n\n${usage}`);
}

async function drilled(drill: Drill, options: Options): Promise<number> {
  const tell = createTeller(options.json);
  const interruption = listen();
  const opening = openProduct((line) => tell('notice', { text: line }, line), options.own);
  try {
    const opened = await Promise.race([opening, interruption]);
    if (opened === 'interrupted') return 130;
    if (drill.stops && !opened.stage.isOwn && !options.yes)
      throw new RefusedError(
        `${drill.name} stops ${drill.stops} of the \`npm start\` that runs here: pass --yes, or --own for a product of its own.`,
      );
    const outcome = await Promise.race([
      practise(drill, opened, { tell, cure: options.cure }),
      interruption,
    ]);
    if (outcome === 'interrupted') return 130;
    return outcome.cured ? 0 : 1;
  } finally {
    await tidy(opening, tell);
  }
}

async function tidy(opening: Promise<Opened>, tell: Teller): Promise<void> {
  tell('cleaning', {}, 'Cleaning up …');
  await opening.then((opened) => opened.close()).catch(() => {});
}

/** The first Ctrl-C cleans up, the second one leaves everything as it is. */
function listen(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve('interrupted');
      });
    }
  });
}
