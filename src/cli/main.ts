import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { processCommands } from './processes.ts';
import { upCommand } from './up.ts';

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Record<string, string>;

const program = new Command('knockon')
  .description(description!)
  .version(version!, '-V, --version', 'print the version')
  .showSuggestionAfterError()
  .showHelpAfterError('(add --help for what there is)')
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the API can't be reached (by a command that operates), 78 settings missing or malformed, 130 interrupted.
Start here: \`npm start\` brings everything up on this machine, \`npm run demo\` shows a message's journey.`,
  )
  .exitOverride((error) => {
    // commander ends with 1 on wrong usage; so does a command that failed.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

for (const add of [upCommand, processCommands]) add(program);

/** Processes run for long, several on one machine: they don't carry what only the user's commands need. */
const isProcess = ['up', 'api', 'relay', 'worker', 'migrate'].includes(process.argv[2] ?? '');
if (!isProcess) for (const add of (await import('./user-commands.ts')).userCommands) add(program);

await program.parseAsync();
