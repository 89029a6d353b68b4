import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startStandIn } from './api-stand-in.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
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
function knockon(args: string[], env: Record<string, string> = {}, input = ''): Promise<Ended> & { kill(): void } {
  const child = spawn(process.execPath, ['--import', tsx, main, ...args], { cwd: folder, env: { PATH: process.env.PATH, ...env } });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) => child.once('close', (exitCode) => resolve({ exitCode, ...said })));
  return Object.assign(ended, { kill: () => void child.kill('SIGKILL') });
}

const shown = ['import', 'trace', 'demo', 'subscribers', 'verify', 'pause', 'resume', 'limit', 'drain', 'scale', 'log', 'doctor'];

test.each(shown)('knockon %s --help shows examples and exit codes', async (command) => {
  const { exitCode, stdout } = await knockon([command, '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}\$ (knockon|npm)/);
  expect(stdout).toContain('Exit codes: 0');
  expect(stdout).toContain('--json');
});

test('the demo where nothing runs says to npm start, and ends with 1', async () => {
  const { exitCode, stdout, stderr } = await knockon(['demo']);
  expect(exitCode).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('npm start');
  expect(stderr).not.toContain('    at ');
});

test('an error with --json is JSON', async () => {
  const { stderr } = await knockon(['subscribers', '--json']);
  expect(JSON.parse(stderr)).toEqual({ error: expect.stringContaining('npm start') });
});

test.each([
  [['import', 'x.log'], /--channel/],
  [['import', 'missing.log', '--channel', 'x'], /missing\.log can't be read/],
  [['import', '.', '--channel', 'x'], /is a folder/],
  [['import', '-', '--channel', 'x', '--date', 'monday'], /yyyy-mm-dd/],
  [['import', '-', '--channel', 'x', '--format', 'csv'], /irc-dated/],
  [['import', '-', '--channel', 'x', '--patience', 'long'], /30s/],
  [['verify'], /DATABASE_URL/],
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
  expect(stdout).toMatch(/stdin: 2 lines.*\n +1 {2}would be posted.*\n +1 {2}skipped\n +1 {4}system: /);
});

test('an import that was killed with kill -9 and run again gives the numbers of one run', async () => {
  const api = await startStandIn();
  const env = { KNOCKON_API_URL: api.url, KNOCKON_API_KEY: api.key };
  const file = join(folder, 'long-2020-01-01.txt');
  const lines = Array.from({ length: 2000 }, (_, n) => (n % 10 === 9 ? '=== x has joined' : `[10:${10 + (n % 50)}] <ada> message ${n}`));
  writeFileSync(file, lines.join('\n'));
  try {
    const first = knockon(['import', file, '--channel', 'long'], env);
    await vi.waitFor(() => expect(api.messages.length).toBeGreaterThan(50), { timeout: 20_000, interval: 5 });
    first.kill();
    await first;
    const before = api.messages.length;
    expect(before).toBeLessThan(1800);
    const { stdout } = await knockon(['import', file, '--channel', 'long', '--json'], env);
    expect(JSON.parse(stdout)).toMatchObject({ lines: 2000, posted: 1800 - before, already_there: before, skipped: { total: 200 } });
    expect(api.messages.map((message) => message.text)).toEqual(
      lines.filter((line) => !line.startsWith('=')).map((line) => line.slice(14)),
    );
  } finally {
    await api.close();
  }
}, 60_000);
