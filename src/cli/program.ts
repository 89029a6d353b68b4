import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCommands } from './commands.ts';
import { wantsJson } from './terminal/output.ts';
import { visible } from './terminal/visible.ts';

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Record<string, string>;

const MORE = `
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the API can't be reached (operators' commands);
78 settings missing or malformed; 130 interrupted.

Start here: \`knockon up\` brings everything up on this machine, and \`knockon demo\` shows what
happens because of a message. docs/guides/adopt.md begins with an application of yours.`;

/** Wrong usage, as programs want it: one line, and no hint beside it. */
const forPrograms = {
  writeErr: () => {},
  outputError: (text: string) =>
    void process.stderr.write(
      `${JSON.stringify({ error: text.trim().replace(/^error: /, '') })}\n`,
    ),
};

/** An argument may come from elsewhere: it is told and not obeyed. */
const forPeople = {
  writeOut: (text: string) => void process.stdout.write(visible(text)),
  writeErr: (text: string) => void process.stderr.write(visible(text)),
};

/**
 * The command line.
 *
 * @param words what was typed
 * @param exit ends the process: with 2 on wrong usage, where commander would end with 1, as a
 * command does that failed
 */
export async function createProgram(
  words: string[],
  exit: (code: number) => never,
): Promise<Command> {
  const program = new Command('knockon')
    .description(description!)
    .version(version!, '-V, --version', 'print the version')
    .configureOutput(wantsJson(words) ? forPrograms : forPeople)
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', MORE)
    .exitOverride((error) => exit(error.exitCode === 0 ? 0 : 2));
  await addCommands(program, words[0]);
  return program;
}
