// `npm run verify`: what CI runs. Every step runs, also after a failure, so that one run tells all;
// the last line counts the tests.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';

const report = '.vitest-report.json';
const otherReports = {
  node: '.vitest-report-other-node.json',
  postgres: '.vitest-report-older-postgres.json',
};
const reporting = (file) => ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
const steps = [
  ['format and lint', 'biome', 'check', '.'],
  ['floating promises', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['types of the console', 'tsc', '--noEmit', '-p', 'src/console'],
  ['import arrows', 'node', 'scripts/arrows.js'],
  ['migrations are up to date', 'node', 'scripts/stale-migrations.js'],
  ['figures of pages and code', 'node', 'scripts/figures.js'],
  ['words and links of pages', 'node', 'scripts/prose.js'],
  ['spelling of pages', 'cspell', '--no-progress', '--quiet', '**/*.md'],
  ['references are up to date', 'tsx', 'scripts/reference.ts', '--check'],
  ['unused files and dependencies', 'knip'],
  ['build', 'node', 'scripts/build-if-stale.js'],
  ['what the package exports', 'node', 'scripts/check-package.js'],
  ['tests', 'vitest', 'run', ...reporting(report)],
  [
    'a part of the tests, on Postgres 15, 16 and 17',
    'vitest',
    'run',
    '--config',
    'vitest.older-postgres.config.ts',
    ...reporting(otherReports.postgres),
  ],
  [
    'a part of the tests, on the other Node',
    'node',
    'scripts/other-node.js',
    ...reporting(otherReports.node),
  ],
];

for (const file of [report, ...Object.values(otherReports)]) rmSync(file, { force: true });
const failed = [];
for (const [name, command, ...args] of steps) {
  console.log(`\n── ${name}`);
  const began = performance.now();
  const { status } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}` },
    shell: process.platform === 'win32',
  });
  console.log(
    `   ${status === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  if (status !== 0) failed.push(name);
}

console.log(failed.length === 0 ? '\nAll steps passed.' : `\nFailed: ${failed.join(', ')}.`);
console.log(count());
process.exit(failed.length === 0 ? 0 : 1);

function count() {
  try {
    // Elsewhere than on linux-x64 the other Node is not tried.
    const counts = [
      report,
      otherReports.postgres,
      ...[otherReports.node].filter((file) => existsSync(file)),
    ].map(countOf);
    const sum = (of) => counts.map(of).reduce((a, b) => a + b);
    return `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`;
  } catch {
    return '0 passed, 1 failed';
  }
}

function countOf(file) {
  const { numPassedTests, numFailedTests, numTotalTestSuites, numFailedTestSuites } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  // A file that could not be loaded has no failed tests of its own.
  const broken =
    numTotalTestSuites > 0 && numFailedTestSuites > 0 && numFailedTests === 0
      ? numFailedTestSuites
      : 0;
  return { passed: numPassedTests, failed: numFailedTests + broken };
}
