import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Home } from '../files/home.ts';
import { processesPath } from '../files/processes-file.ts';

const source = import.meta.url.endsWith('.ts');
const leftovers = fileURLToPath(
  new URL(source ? './end-leftovers.ts' : './end-leftovers.js', import.meta.url),
);

/**
 * Ends what we have started however we end, kill -9 included: a shell, of next to no size, waits
 * for our end of its pipe to close.
 *
 * @returns lets it go, after a clean end
 */
export function startGuard(home: Home): () => void {
  const command = [
    process.execPath,
    ...(source ? ['--import', 'tsx'] : []),
    leftovers,
    processesPath(home),
  ];
  const shell = spawn('sh', ['-c', 'read _; exec "$@"', 'sh', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Where there is no shell, the next start ends what was left.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return () => void shell.kill('SIGKILL');
}
