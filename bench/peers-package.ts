import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = new URL('./', import.meta.url);

/**
 * Installs the peers where that has not been done, or another list of them was installed. @throws
 * where npm fails
 */
export async function installPeers(tell: (line: string) => void): Promise<void> {
  const mark = new URL('node_modules/.installed', folder);
  const wanted = await readFile(new URL('package-lock.json', folder), 'utf8');
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return;
  tell('installing the peers into bench/node_modules, once (270 MB)');
  // Without install scripts: none of them needs one, and one of them would tell somebody about it.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--progress=true'];
  const npm = spawn('npm', args, {
    cwd: fileURLToPath(folder),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  const [code] = (await once(npm, 'exit')) as [number | null];
  if (code !== 0)
    throw new Error(`the peers could not be installed: \`npm ci\` in bench/ ended with ${code}`);
  await writeFile(mark, wanted);
}
