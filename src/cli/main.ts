import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { demoCommand } from './demo.ts';
import { importCommand } from './import.ts';
import { processCommands } from './processes.ts';
import { subscribersCommand } from './subscribers.ts';
import { traceCommand } from './trace.ts';
import { upCommand } from './up.ts';
import { verifyCommand } from './verify.ts';

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Record<string, string>;

const program = new Command('knockon')
  .description(description!)
  .version(version!, '-V, --version', 'print the version')
  .showSuggestionAfterError()
  .showHelpAfterError('(add --help for what there is)')
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 failed, 2 wrong usage, 78 settings missing or malformed, 130 interrupted.
Start here: \`npm start\` brings everything up on this machine, \`npm run demo\` shows a message's journey.`,
  )
  .exitOverride((error) => {
    // commander ends with 1 on wrong usage; so does a command that failed.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

const commands = [upCommand, demoCommand, importCommand, traceCommand, subscribersCommand, verifyCommand, processCommands];
for (const add of commands) add(program);

await program.parseAsync();
