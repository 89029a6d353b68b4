import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { processTerminal, styled } from '../../../src/cli/terminal/output.ts';
import { table } from '../../../src/cli/terminal/table.ts';
import { visible } from '../../../src/cli/terminal/visible.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

const RED = '\u001b[31m';
/** A title, a cleared screen, a link, a line that writes over itself, text that is turned round. */
const NASTY =
  'ada\u001b]0;owned\u0007\u001b[2J\u001b]8;;http://evil.example\u001b\\ \rroot \u009b2J \u202elast\u2066';

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('what the command line prints', () => {
  afterEach(() => vi.restoreAllMocks());

  test('shows what a terminal would obey, and leaves text in every script as it is', () => {
    expect(visible(NASTY)).toBe(
      String.raw`ada\x1b]0;owned\x07\x1b[2J\x1b]8;;http://evil.example\x1b\ \x0droot \u009b2J \u202elast\u2066`,
    );
    for (const text of ['👩‍👩‍👧 علی‌رضا משה', 'one\n\ttwo', 'ﬁn']) expect(visible(text)).toBe(text);
  });

  test('keeps our own colours where there are colours, and nobody else has any', () => {
    const colourful = { ...aTerminal(), colours: true };
    const shown = visible(styled(colourful, 'red', `x${RED}\u001b[39my`));
    expect(shown).toBe(String.raw`${RED}x\x1b[31m\x1b[39my${'\u001b'}[39m`);
    expect(visible(`${RED}x`)).toBe(String.raw`\x1b[31mx`);
    expect(visible(styled(aTerminal(), 'red', NASTY))).not.toMatch(OBEYED);
  });

  test('is so wherever it goes, in tables too', () => {
    const written: string[] = [];
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((text) => Boolean(written.push(String(text))));
    const terminal = processTerminal();
    terminal.out(NASTY);
    terminal.write(NASTY);
    terminal.err(NASTY);
    vi.restoreAllMocks();
    expect(written).toHaveLength(3);
    expect(written.join('')).not.toMatch(OBEYED);
    const [head, row] = table(aTerminal(), ['name', 'next'], [[NASTY, 'x']]).split('\n');
    expect(row).not.toMatch(OBEYED);
    expect(head?.indexOf('next')).toBe(row?.lastIndexOf('x'));
  });

  test('is exact where it is JSON', () => {
    const value = { name: NASTY, more: '\u007f\u2028' };
    expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
    expect(visible(JSON.stringify(value, null, 2))).not.toMatch(OBEYED);
  });

  test('also where it is about an argument', async () => {
    const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
    const args = ['--import', import.meta.resolve('tsx'), main, `\u001b[2J${RED}trace`];
    const { stderr } = await promisify(execFile)(process.execPath, args).catch(
      (error: { stderr: string }) => error,
    );
    expect(stderr).toContain(String.raw`\x1b[2J\x1b[31mtrace`);
    expect(stderr).not.toMatch(OBEYED);
  });
});

describe('an error that nobody caught', () => {
  test.each(['throw error', 'Promise.reject(error)'])(
    'by `%s` ends a process with a line that holds no values',
    async (how) => {
      const source = (path: string) => new URL(`../../../src/${path}`, import.meta.url).href;
      const script = `import(${JSON.stringify(source('workers/process/process.ts'))}).then(async ({ runProcess }) => {
      const error = Object.assign(new Error('no "canary"'), { query: 'canary', params: ['canary'] });
      await runProcess(async () => {
        setTimeout(() => { ${how}; }, 10);
        return { stop: async () => {} , ended: new Promise((resolve) => setTimeout(resolve, 20_000)) };
      }, 1000);
    });`;
      const ended = promisify(execFile)(process.execPath, [
        '--import',
        import.meta.resolve('tsx'),
        '-e',
        script,
      ]);
      const { code, stdout, stderr } = await ended.then(
        () => ({ code: 0, stdout: '', stderr: '' }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
      expect(code).toBe(1);
      const entry = JSON.parse(stdout);
      expect(entry).toMatchObject({
        level: 'fatal',
        err: { name: 'Error', message: 'no "…"', stack: expect.stringContaining('    at ') },
      });
      expect(stdout + stderr).not.toContain('canary');
    },
  );
});
