// Part of `npm run build`: notes of which commit the build is, for `knockon_build_info`. Where
// there is no git, KNOCKON_COMMIT may say.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

const { stdout } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' });
mkdirSync('dist', { recursive: true });
writeFileSync('dist/commit.txt', `${process.env.KNOCKON_COMMIT || stdout?.trim() || 'unknown'}\n`);
