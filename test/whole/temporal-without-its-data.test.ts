import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { startTemporal, type Temporal } from '../../src/local/temporal/temporal.ts';
import { findTemporalCli } from '../../src/local/temporal/temporal-cli.ts';
import { all, Customer, soon } from '../harness/customer.ts';
import { freshDatabase } from '../harness/database.ts';
import { Deployment } from '../harness/processes.ts';
import { callOps } from '../harness/running-product.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const namespace = 'knockon-alone';
let cli: string;
let folder: string;
let port: number;
let temporal: Temporal;
let knockon: Deployment;

/** A server without a file: whatever it knows is gone when it ends, the namespace too. */
const serve = () => startTemporal({ cli, port, log: join(folder, 'temporal.log') });

async function makeNamespace(): Promise<void> {
  await promisify(execFile)(cli, [
    'operator',
    'namespace',
    'create',
    '--namespace',
    namespace,
    '--address',
    temporal.address,
  ]);
}

beforeAll(async () => {
  [cli, folder] = await Promise.all([findTemporalCli(), mkdtemp(join(tmpdir(), 'knockon-anew-'))]);
  [port] = (await freePorts(1)) as [number];
  const own = await freshDatabase();
  temporal = await serve();
  knockon = new Deployment(own, { address: temporal.address, namespace }, {});
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(knockon.logs());
});
afterAll(async () => {
  await knockon?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the doctor says is not as it must be, of Temporal. */
async function illness(url: string): Promise<string[]> {
  const { findings } = (await callOps(url, 'GET', 'doctor')).body as {
    findings: { check: string; ok: boolean; detail: string }[];
  };
  const told = findings.filter(
    ({ check, ok }) => !ok && ['temporal', 'namespace', 'search attributes'].includes(check),
  );
  return told.map(({ check, detail }) => `${check}: ${detail}`);
}

/** How many workflows people find by the type of their events. */
async function found(): Promise<number> {
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace });
  try {
    return (await client.workflow.count("EventType = 'message.created'")).count;
  } finally {
    await connection.close();
  }
}

describe('every process', () => {
  let acme: Customer;

  it('names a namespace that is not there, waits for it, and goes on by itself', async () => {
    const api = await knockon.start('api');
    const workers = [knockon.start('worker workflows'), knockon.start('worker effects')];
    acme = await Customer.at(api.url);
    const named = () =>
      knockon.processes
        .slice(1)
        .map(({ log }) => log.includes(`has no namespace \\"${namespace}\\"`));
    await expect.poll(named, soon).toEqual([true, true]);
    expect(await illness(api.url)).toContainEqual(
      `namespace: there is no namespace "${namespace}"`,
    );
    await makeNamespace();
    await Promise.all(workers);
    const { id } = await acme.post();
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    await expect.poll(found, soon).toBe(1);
    expect(await illness(api.url)).toEqual([]);
  });

  it('goes on where Temporal comes back without its data: nobody is started again', async () => {
    const [api] = knockon.processes;
    await temporal.stop();
    const { id } = await acme.post();
    temporal = await serve();
    await expect.poll(() => api!.log, soon).toContain(`Temporal has no namespace ${namespace}`);
    await makeNamespace();
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    await expect.poll(found, soon).toBe(1);
    expect(await illness(acme.url)).toEqual([]);
    expect(knockon.processes.filter(({ ended }) => ended)).toEqual([]);
  });
});
