// Packs what npm would publish, and checks that applications can import it: the entries are there,
// and each has its types.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'knockon-package-'));
const run = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const [{ filename, size }] = JSON.parse(
    run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder),
  );
  const tarball = join(folder, filename);
  console.log(`${filename}: ${(size / 1e6).toFixed(1)} MB`);
  run('node_modules/.bin/publint', '--strict', tarball);
  // Node loads ESM by require() too, since 20.19.
  run('node_modules/.bin/attw', '--profile', 'esm-only', '--no-emoji', tarball);
} catch (error) {
  console.error(error.stdout ?? error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
