import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { closest } from 'fastest-levenshtein';
import { type Api, createApi } from '../api/client.ts';
import { type ApiAddress, findApi } from '../api/find-api.ts';
import { type ApiOptions, addOptions } from '../api/options.ts';
import {
  CommandError,
  EXIT,
  endOnInterrupt,
  processTerminal,
  reported,
  type Terminal,
} from '../terminal/output.ts';
import { visible } from '../terminal/visible.ts';

/** The options of every command that operates. */
export interface OpsOptions extends ApiOptions {
  /** Only where the command asks before it does something. */
  yes?: boolean;
}

/** Adds `--api-url`, `--api-key` and `--json` to a command that operates. */
export const addOpsOptions = (command: Command): Command =>
  addOptions(
    command,
    "an operator's key (default: KNOCKON_ADMIN_KEY, else the same up.json, else KNOCKON_API_KEY)",
  );

/** What a command operates with. */
export interface Ops<O extends OpsOptions = OpsOptions> {
  /** Calls under /v1/ops, with an operator's key. */
  api: Api;
  address: ApiAddress;
  terminal: Terminal;
  options: O;
}

/** For the end of a command's help. */
export const OPS_EXIT_CODES =
  "Exit codes: 0 done; 1 refused, or something is wrong; 2 wrong usage; 3 the API can't be " +
  'reached;\n130 interrupted.';

/** `--limit`, for a command that lists. @param what they are */
export const limitOption = (what: string, usual: number): Option =>
  new Option('-n, --limit <n>', `most ${what}, 1 to 10000`).default(usual).argParser((text) => {
    const most = Number(text);
    if (Number.isInteger(most) && most >= 1 && most <= 10_000) return most;
    throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
  });

/** Adds `--yes` too, for what can't be taken back. */
export const addYes = (command: Command): Command =>
  command.option('-y, --yes', 'do it without asking; needed where nobody can be asked');

/**
 * Makes a command's action out of what it does: finds the API and the operator's key, reports
 * errors, and ends with the exit code that `run` gives (default 0).
 *
 * @param run gets the command's arguments after what it operates with
 */
export function operating<O extends OpsOptions, A extends unknown[]>(
  run: (ops: Ops<O>, ...args: A) => Promise<number | void>,
) {
  return reported(async (...all: [...A, O, Command]) => {
    const options = all.at(-2) as O;
    const address = findApi(options, {}, 'operator');
    const api = createApi(address, { unreachable: EXIT.unreachable });
    endOnInterrupt();
    const args = all.slice(0, -2) as A;
    process.exitCode =
      (await run({ api, address, terminal: processTerminal(), options }, ...args).finally(() =>
        api.close(),
      )) ?? EXIT.done;
  });
}

/** Makes a command one that operates: adds the options, and what it does. */
export const operates = <O extends OpsOptions, A extends unknown[]>(
  command: Command,
  run: (ops: Ops<O>, ...args: A) => Promise<number | void>,
): Command => addOpsOptions(command).action(operating(run));

/**
 * Asks before something is done that can't be taken back.
 *
 * @throws CommandError where the answer is no, or where nobody can be asked and `--yes` is not
 * there
 */
export async function confirm(
  { terminal, options }: Pick<Ops, 'terminal' | 'options'>,
  question: string,
): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY || !terminal.live || options.json) {
    throw new CommandError(
      `${question} Nobody can be asked here: pass --yes to do it.`,
      EXIT.usage,
    );
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${visible(question)} [y/N] `).finally(() => lines.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was done.');
}

/**
 * The command below `parent` that runs where none is named: `knockon keys` is `knockon keys list`.
 * A name that none of them has is told with the nearest; commander would count it as one argument
 * too many.
 */
export function defaultVerb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name, { isDefault: true })
    .description(description)
    .allowExcessArguments()
    .addHelpText('after', `\n${OPS_EXIT_CODES}`)
    .hook('preAction', ({ args: [typed] }) => {
      if (typed === undefined) return;
      const verbs = parent.commands.map((command) => command.name());
      const near = `did you mean ${closest(typed, verbs)}? There are ${verbs.join(', ')}.`;
      parent.error(`error: there is no \`${parent.name()} ${typed}\`; ${near}`, { exitCode: 2 });
    });
}
