import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { startStandIn } from '../../harness/api-stand-in.ts';
import { runCommand } from './run-in-process.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'knockon-commands-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** The command as a process of its own, in a folder where nothing runs. */
function knockon(
  args: string[],
  env: Record<string, string> = {},
  input = '',
): Promise<Ended> & { kill(): void; interrupt(): void } {
  const child = spawn(process.execPath, ['--import', tsx, main, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (exitCode) => resolve({ exitCode, ...said })),
  );
  return Object.assign(ended, {
    kill: () => void child.kill('SIGKILL'),
    interrupt: () => void child.kill('SIGINT'),
  });
}

/** All commands that are no processes, those below others too, as they are typed. */
async function everyCommand(): Promise<string[]> {
  const paths = (command: Command, before: string[]): string[][] =>
    command.commands.length === 0
      ? [before]
      : command.commands.flatMap((one) => paths(one, [...before, one.name()]));
  const all = paths(await createProgram([], process.exit), []).map((path) => path.join(' '));
  return all.filter((path) => !/^(up|api|relay|worker|migrate|completion|help)/.test(path));
}

test('every command shows how it ends, and all that talk to the API spell its address and key alike', async () => {
  const commands = await everyCommand();
  expect(commands).toEqual(
    expect.arrayContaining([
      'pause',
      'endpoints list',
      'endpoints try',
      'keys revoke',
      'demo',
      'verify',
    ]),
  );
  for (const command of commands) {
    const { exitCode, out } = await runCommand([...command.split(' '), '--help']);
    expect([command, exitCode]).toEqual([command, 0]);
    expect(out, command).toContain('Exit codes: 0');
    expect(out, command).toContain('--json');
    if (!command.includes(' ')) expect(out, command).toMatch(/Examples:\n {2}\$ (knockon|npm)/);
    // An event has a key of its own, and a subscriber over HTTP an address.
    expect(out, command).not.toMatch(/--key <key> +(a|the) key of/);
    if (command !== 'subscribe') expect(out, command).not.toMatch(/ --url /);
    if (command === 'verify') continue;
    expect(out, command).toMatch(/--api-url <url> .*KNOCKON_API_URL/s);
    expect(out, command).toMatch(/--api-key <key> .*KNOCKON_(API|ADMIN)_KEY/s);
  }
});

test('the help has its commands in groups', async () => {
  const { out } = await runCommand(['--help']);
  const groups = out.split('\n').filter((line) => /^[A-Z].*:$/.test(line));
  expect(groups).toEqual(
    expect.arrayContaining([
      'Start:',
      'Look:',
      'Steer subscribers:',
      'Look after customers:',
      'Processes of a deployment:',
    ]),
  );
  expect(groups).not.toContain('Commands:');
});

test('a command that is typed is there alone; the help, a completion and a wrong word know all', async () => {
  const known = async (...words: string[]) =>
    (await createProgram(words, process.exit)).commands.map((command) => command.name());
  const all = await known();
  expect(all).toContain('subscribers');
  for (const name of all)
    expect(await known(name), name).toEqual(name === 'completion' ? all : [name]);
  for (const words of [['--help'], ['help', 'pause'], ['puase'], ['--json', 'pause']])
    expect(await known(...words)).toEqual(all);
});

/** The files that a command loads, of ours and of packages. */
async function loadedBy(words: string[], env: Record<string, string> = {}): Promise<string[]> {
  const coverage = mkdtempSync(join(tmpdir(), 'knockon-coverage-'));
  const { stderr } = await knockon(words, { ...env, NODE_V8_COVERAGE: coverage });
  expect(stderr).toBe('');
  const files = readdirSync(coverage).flatMap((file): { url: string }[] => {
    return JSON.parse(readFileSync(join(coverage, file), 'utf8')).result;
  });
  rmSync(coverage, { recursive: true });
  return files.map(({ url }) => url);
}

/** What other commands are made of. */
const OTHERS = /src\/(settings|cli\/(up|processes|demo|import|chat-log|emit|trace))/;

/** Packages that take long to load. */
const HEAVY = /node_modules\/(undici|zod|cli-progress|fflate|@temporalio)\//;

test('a command loads what it needs, and nothing of the others', async () => {
  const api = await startStandIn();
  api.answers['GET /v1/ops/subscribers'] = { data: [], next_cursor: null };
  const env = { KNOCKON_API_URL: api.url, KNOCKON_API_KEY: api.key };
  try {
    const loaded = await loadedBy(['subscribers', '--json'], env);
    expect(loaded).toContainEqual(expect.stringContaining('src/cli/operate/subscribers.ts'));
    expect(loaded.filter((file) => HEAVY.test(file) || OTHERS.test(file))).toEqual([]);
  } finally {
    await api.close();
  }
});

test('the version is told without any command, and the help without what only runs need', async () => {
  const commands = /src\/cli\/(up|processes|demo|import|emit|operate|trace)/;
  expect((await loadedBy(['--version'])).filter((file) => commands.test(file))).toEqual([]);
  const loaded = await loadedBy(['--help']);
  expect(loaded).toContainEqual(expect.stringMatching(commands));
  expect(loaded.filter((file) => HEAVY.test(file))).toEqual([]);
});

test('what reads the output may leave early: nothing is said about it', async () => {
  const command = `"$0" --import "$1" "$2" --help | head -1; echo "\${PIPESTATUS[0]}"`;
  const child = spawn('bash', ['-c', command, process.execPath, tsx, main], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  expect(said).toEqual({ out: expect.stringMatching(/^Usage: knockon.*\n0\n$/), err: '' });
});

test.each(['trace 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --follow', 'drain search'])(
  'Ctrl-C ends knockon %s with 130, and without a word',
  async (line) => {
    const api = await startStandIn();
    api.journeys = [
      {
        message_id: 'm',
        events: [
          {
            id: 'e',
            type: 'message.created',
            timestamp: new Date().toISOString(),
            dispatched_at: null,
            workflow: null,
            effects: [
              {
                subscriber: 'search',
                state: 'running',
                attempts: 1,
                last_error: null,
                completed_at: null,
              },
            ],
          },
        ],
      },
    ];
    api.answers['POST /v1/ops/subscribers/search/drain'] = {
      name: 'search',
      paused: { by: 'a', at: '', until: null },
      drained: false,
      processes: [],
      backlog: 0,
      applied: true,
    };
    api.answers['GET /v1/ops/subscribers/search'] =
      api.answers['POST /v1/ops/subscribers/search/drain'];
    try {
      const running = knockon(line.split(' '), {
        KNOCKON_API_URL: api.url,
        KNOCKON_API_KEY: api.key,
      });
      await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(1), {
        timeout: 20_000,
        interval: 20,
      });
      running.interrupt();
      const { exitCode, stderr } = await running;
      expect(exitCode).toBe(130);
      expect(stderr).not.toContain('    at ');
    } finally {
      await api.close();
    }
  },
);

test('the demo where nothing runs says to npm start, and ends with 1', async () => {
  const { exitCode, stdout, stderr } = await knockon(['demo']);
  expect(exitCode).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('npm start');
  expect(stderr).not.toContain('    at ');
});

test.each([
  [['limit', '--json'], /missing required argument/],
  [['puase', '--json'], /did you mean pause/i],
  [['endpoints', 'shwo', '--json'], /did you mean show/],
  [['log', '--limit', 'x', '--json'], /whole number/],
])('wrong usage with --json is JSON too: knockon %j', async (words, reason) => {
  const { exitCode, out, err } = await runCommand(words);
  expect([exitCode, out]).toEqual([2, '']);
  expect(JSON.parse(err)).toEqual({ error: expect.stringMatching(reason) });
});

test.each([
  [['retry', 'not-an-id'], /'not-an-id'.*must be an id.*knockon failed/],
  [['discard', '42', '--reason', 'x'], /must be an id.*knockon failed/],
  [['jobs', 'x', '--pause'], /must be an id.*knockon operations/],
  [['trace', 'x'], /must be an id/],
  [['failed', '--message', 'x'], /must be an id/],
  [['replay', '--channel', 'general'], /must be an id/],
  [['keys', 'revoke', 'x'], /must be an id.*knockon keys/],
  [['log', '--verb', 'nope'], /Did you mean .*The log knows: pause, resume, limit/],
  [['resume', 'search', '--jsn'], /Did you mean --json/],
  [['subscribers', '--url', 'http://127.0.0.1:9'], /unknown option '--url'/],
  [['keys', 'revok'], /did you mean revoke\? There are list, create, revoke/],
  [['endpoints', 'dissable', 'x'], /did you mean disable\?/],
  [['endpoints', 'limit', 'x', 'fast'], /must be a number.*or off/],
  [['endpoints', '--state', 'ill'], /active, failing, disabled/],
])('knockon %j is wrong usage, and told so before anything is asked', async (words, reason) => {
  const { exitCode, out, err } = await runCommand(words);
  expect([exitCode, out]).toEqual([2, '']);
  expect(err).toMatch(reason);
});

test('an error with --json is JSON', async () => {
  const { stderr } = await knockon(['subscribers', '--json']);
  expect(JSON.parse(stderr)).toEqual({ error: expect.stringContaining('npm start') });
});

test.each([
  [['import', '-'], /--channel/],
  [['import', 'missing.log', '--channel', 'x'], /missing\.log can't be read/],
  [['import', '.', '--channel', 'x'], /has no file in it that could be a chat log/],
  [['import', '-', '--channel', 'x', '--date', 'monday'], /yyyy-mm-dd/],
  [['import', '-', '--channel', 'x', '--format', 'csv'], /irc-dated/],
  [['import', '-', '--channel', 'x', '--patience', 'long'], /30s/],
  [['verify'], /DATABASE_URL/],
  [['completion', 'bsh'], /did you mean bash\?/],
])('knockon %j is wrong usage: exit code 2 and the reason', async (args, reason) => {
  const { exitCode, stderr } = await knockon(args);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(reason);
});

test('a log can be piped in', async () => {
  const { exitCode, stdout } = await knockon(
    ['import', '-', '--channel', 'x', '--date', '2020-01-01', '--dry-run'],
    {},
    '[07:35] <ada> hi\n=== x\n',
  );
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /stdin \(irc\): 2 lines.*\n +1 {2}would be posted.*\n +1 {2}skipped\n +1 {4}system: /,
  );
});

test('an import that was killed with kill -9 and run again gives the numbers of one run', async () => {
  const api = await startStandIn();
  const env = { KNOCKON_API_URL: api.url, KNOCKON_API_KEY: api.key };
  const file = join(folder, 'long-2020-01-01.txt');
  const lines = Array.from({ length: 2000 }, (_, n) =>
    n % 10 === 9 ? '=== x has joined' : `[10:${10 + (n % 50)}] <ada> message ${n}`,
  );
  writeFileSync(file, lines.join('\n'));
  try {
    const first = knockon(['import', file, '--channel', 'long'], env);
    await vi.waitFor(() => expect(api.messages.length).toBeGreaterThan(50), {
      timeout: 20_000,
      interval: 5,
    });
    first.kill();
    await first;
    const before = api.messages.length;
    expect(before).toBeLessThan(1800);
    const { stdout } = await knockon(['import', file, '--channel', 'long', '--json'], env);
    expect(JSON.parse(stdout)).toMatchObject({
      lines: 2000,
      posted: 1800 - before,
      already_there: before,
      skipped: { total: 200 },
    });
    expect(api.messages.map((message) => message.text)).toEqual(
      lines.filter((line) => !line.startsWith('=')).map((line) => line.slice(14)),
    );
  } finally {
    await api.close();
  }
}, 60_000);
