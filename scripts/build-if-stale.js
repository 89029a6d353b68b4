// `npm start` begins with this: builds where a source is newer than the last build, and costs
// nothing where none is.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((file) =>
  join('src', file),
);
const newest = Math.max(
  ...[...sources, 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map(changed),
);

// The bundle is written last: if it is newer than all sources, so is the rest.
if (changed('dist/workers/workflow-bundle.js') <= newest) {
  console.log('Building, because a source is newer than the last build …');
  process.exitCode =
    spawnSync('npm', ['run', '--silent', 'build'], {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    }).status ?? 1;
}
