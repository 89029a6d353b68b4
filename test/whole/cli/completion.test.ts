import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const scripts: Record<string, string> = {};

beforeAll(() => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const args = ['--import', import.meta.resolve('tsx'), main, 'completion', shell];
    scripts[shell] = execFileSync(process.execPath, args, { encoding: 'utf8' });
  }
}, 120_000);

/** What bash offers for the last of these words; an API with these subscribers runs. */
function completed(words: string[], subscribers = ['audit', 'search']): string[] {
  const running = `knockon() { echo '${JSON.stringify(subscribers.map((name) => ({ name })))}'; }`;
  const line = `COMP_WORDS=(knockon ${words.map((word) => `"${word}"`).join(' ')}); COMP_CWORD=${words.length}`;
  const script = `${running}\n${scripts.bash}\n${line}; _knockon; echo "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ');
}

test('bash completes commands, commands below them, options and names of subscribers', () => {
  expect(completed(['pau'])).toEqual(['pause']);
  expect(completed(['worker', 'eff'])).toEqual(['effects']);
  expect(completed(['worker', 'effects', '--o'])).toEqual(['--only']);
  expect(completed(['pause', '--re'])).toEqual(['--reason']);
  expect(completed(['pause', 'se'])).toEqual(['search']);
  expect(completed(['resume', '--json', ''])).toEqual(
    expect.arrayContaining(['audit', 'search', '--api-url']),
  );
});

test('zsh and fish know the same commands', () => {
  for (const command of ['pause', 'doctor', 'verify', 'worker', 'up']) {
    expect(scripts.zsh).toContain(`'${command}:`);
    expect(scripts.fish).toMatch(new RegExp(`-n '__fish_use_subcommand' -a ${command} `));
  }
});
