// `npm run record-histories [NAME…]`: runs the scenarios of test/temporal/workflows/scenarios.ts.
// It keeps the histories that test/histories/ does not have yet. A history that is there stays: it
// stands for the runs in flight. To replace one, delete its file first.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { findTestServer } from '../src/local/temporal/temporal-cli.ts';
import { bundleWorkflows } from '../test/setup/workflow-bundle.ts';
import { scenarios } from '../test/temporal/workflows/scenarios.ts';
import { WorkflowTestbed } from '../test/temporal/workflows/testbed.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = `${root}test/histories/`;
const wanted = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const workflowBundle = await bundleWorkflows();
const bench = await WorkflowTestbed.open(await findTestServer(), { workflowBundle });
for (const [name, { effects, start, during }] of Object.entries(scenarios)) {
  const file = `${folder}${name}.json`;
  if (existsSync(file) || (wanted.length > 0 && !wanted.includes(name))) continue;
  const hosted = effects();
  await bench.with(hosted, async () => {
    const handle = await bench.start(Object.keys(hosted), start);
    await during?.(handle);
    await handle.result().catch(() => {});
    // Stack traces name the folder it was recorded in, which is nobody's business.
    const history = historyToJSON(await handle.fetchHistory())
      .replaceAll(root, '/knockon/')
      .replaceAll(/\/[^\s"(]*\/node_modules\//g, '/knockon/node_modules/');
    await writeFile(file, `${history}\n`);
    console.log(`recorded ${name}`);
  });
}
await bench.close();
process.exit(0);
