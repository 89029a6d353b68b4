import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { startTemporal } from '../../src/local/temporal/temporal.ts';
import { findTemporalCli, findTestServer } from '../../src/local/temporal/temporal-cli.ts';
import type { TestRun } from './run.ts';
import { share } from './share-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    temporalAddress: string;
    namespaces: string[];
    testServerPath: string;
  }
}

/** Namespaces made in advance: making one while others work takes seconds. */
const namespaces = Array.from({ length: 60 }, (_, i) => `test-${i + 1}`);

/** One real Temporal dev server for the whole run, and the program of the time-skipping one. */
export default function setup(project: TestProject): Promise<() => Promise<void>> {
  return share(project, 'temporal', start, ({ address, testServer }, to) => {
    to.provide('temporalAddress', address);
    to.provide('namespaces', namespaces);
    to.provide('testServerPath', testServer);
  });
}

async function start({ folder, endsWithUs }: TestRun) {
  const [port] = (await freePorts(1)) as [number];
  const [cli, testServer] = await Promise.all([findTemporalCli(console.log), findTestServer()]);
  const temporal = await startTemporal({
    cli,
    port,
    namespaces,
    log: join(folder, 'temporal.log'),
    onSpawn: endsWithUs,
  });
  return { known: { address: temporal.address, testServer }, stop: () => temporal.stop() };
}
