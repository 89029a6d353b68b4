import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import type { TestRun } from './run.ts';
import { share } from './share-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    workflowBundle: string;
  }
}

/** The workflow code, bundled once for the whole run: each time takes seconds of the processor. */
export default function setup(project: TestProject): Promise<() => Promise<void>> {
  const start = async ({ folder }: TestRun) => {
    const file = join(folder, 'workflow-bundle.js');
    await writeFile(file, (await bundleWorkflows()).code);
    return { known: file, stop: async () => {} };
  };
  return share(project, 'workflow-bundle', start, (file, to) => to.provide('workflowBundle', file));
}

export const bundleWorkflows = (): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
