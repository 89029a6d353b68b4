// Fails where src/db/schema/ says something that no migration in drizzle/ does yet.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'knockon-migrations-'));
try {
  cpSync('drizzle', folder, { recursive: true });
  const before = readdirSync(folder).length;
  const args = [
    'generate',
    '--dialect',
    'postgresql',
    '--schema',
    './src/db/schema/index.ts',
    '--out',
    // It puts `./` before it: of an absolute path it finds nothing, and ends with 0 all the same.
    relative('.', folder),
  ];
  const said = execFileSync('node_modules/.bin/drizzle-kit', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (readdirSync(folder).length !== before) {
    console.error(
      `src/db/schema/ has changes that no migration makes; run: npx drizzle-kit generate --name what_for\n${said}`,
    );
    process.exitCode = 1;
  } else if (!said.includes('No schema changes')) {
    console.error(`drizzle-kit could not compare src/db/schema/ with drizzle/:\n${said}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
