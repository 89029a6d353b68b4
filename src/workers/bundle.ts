// Run by `npm run build`: bundles the workflow code, so that a worker starts in a fraction of a
// second.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const quiet = {
  log() {},
  trace() {},
  debug() {},
  info() {},
  warn: console.warn,
  error: console.error,
};
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)),
  logger: quiet,
});
await writeFile(new URL('./workflow-bundle.js', import.meta.url), code);
