// `npm run chaos`: kills everything under load and looks whether anything was lost. See
// docs/internals/chaos.md.
import { setTimeout as wait } from 'node:timers/promises';
import { runNeighbours } from './neighbours/run.ts';
import { neighboursTables } from './neighbours/tables.ts';
import { type Options, readOptions, usage } from './options.ts';
import { createRunFolder, deleteRunFolder, type RunFolder } from './processes/run-folder.ts';
import { Watchdog } from './processes/watchdog.ts';
import { randomFrom } from './random.ts';
import { Progress } from './report/progress.ts';
import { tables } from './report/tables.ts';
import { type RunContext, run } from './run.ts';
import { Mailbox } from './traffic/mailbox.ts';

const options = optionsOrExit(process.argv.slice(2));
if (options.help) console.log(usage);
else process.exit(await chaos(options));

/** @returns the exit code: 0 all promises were kept, 1 some were not or it could not be tried */
async function chaos(options: Options): Promise<number> {
  const progress = new Progress();
  const mailbox = await Mailbox.start(randomFrom(options.seed + 2));
  const stage = await createRunFolder(options, mailbox.url);
  const watchdog = new Watchdog();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void interrupted(watchdog, stage));
  progress.tell(
    `seed ${options.seed}, ${options.minutes} minutes of ${options.mode}, ${options.transport}; data and logs are in ${stage.folder}`,
  );
  try {
    const { outcome, text } = await runMode(options, { stage, watchdog, mailbox, progress });
    console.log(options.json ? JSON.stringify(outcome, null, 2) : text());
    if (outcome.ok && !options.keep) await deleteRunFolder(stage);
    else progress.tell(`data and logs are kept in ${stage.folder}`);
    return outcome.ok ? 0 : 1;
  } catch (error) {
    progress.tell(`it could not be seen through; data and logs are kept in ${stage.folder}`);
    console.error(error);
    return 1;
  }
}

async function runMode(
  options: Options,
  around: RunContext,
): Promise<{ outcome: { ok: boolean }; text: () => string }> {
  if (options.mode === 'neighbours') {
    const outcome = await runNeighbours(options, around);
    return { outcome, text: () => neighboursTables(outcome) };
  }
  const outcome = await run(options, around);
  return { outcome, text: () => tables(outcome) };
}

async function interrupted(watchdog: Watchdog, stage: RunFolder): Promise<never> {
  watchdog.bite();
  // Postgres' processes write until they notice.
  await wait(1000);
  await deleteRunFolder(stage).catch(() => {});
  process.exit(130);
}

function optionsOrExit(args: string[]): Options {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}
