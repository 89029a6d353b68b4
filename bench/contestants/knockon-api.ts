import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import postgres, { type Sql } from 'postgres';
import { migrate } from '../../src/db/migrate.ts';
import { forkProcess, knockon, shippedFlags } from '../child.ts';
import { anotherDatabase, type Product } from '../product.ts';
import type { Contestant } from './contestant.ts';
import { messageRequests, openWorkspace } from './workspace.ts';

const NAMESPACE = 'workers-stopped';

/** `knockon api` as it ships, key, checks and dispatcher included, where all workers have been stopped. */
export const knockonApi: Contestant = {
  name: 'knockon-api',
  title: 'knockon, workers stopped',
  async enter(product) {
    const database = await anotherDatabase(product, 'workers_stopped');
    await migrate(database);
    const sql = postgres(database, { max: 1, onnotice: () => {} });
    await registerAs(product.sql, sql);
    await makeNamespace(product);
    const adminKey = randomBytes(24).toString('hex');
    const { url, pid, stop } = await forkProcess(knockon, {
      args: ['api'],
      env: environment(product, database, adminKey),
      flags: shippedFlags,
    });
    const workspace = await openWorkspace(url, adminKey);
    return {
      url,
      pid,
      effects: 0,
      requests: (shape) => messageRequests(workspace, shape),
      watch: async () => ({ settled: () => untilDispatched(sql) }),
      stop: async () => {
        await stop();
        await sql.end({ timeout: 1 });
      },
    };
  },
};

function environment(product: Product, database: string, adminKey: string): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: database,
    TEMPORAL_ADDRESS: product.temporal_address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    KNOCKON_SECRET: randomBytes(24).toString('hex'),
    KNOCKON_ADMIN_KEY: adminKey,
    KNOCKON_PORT: '0',
  };
}

/** The same subscribers as where the workers run: they were here, and are gone. */
async function registerAs(from: Sql, to: Sql): Promise<void> {
  const rows = await from`select * from subscribers`;
  await to`insert into subscribers ${to(rows.map((row) => ({ ...row, retry: to.json(row.retry) })))}`;
}

async function makeNamespace({ temporal_address }: Product): Promise<void> {
  const connection = await Connection.connect({ address: temporal_address });
  await connection.workflowService.registerNamespace({ namespace: NAMESPACE, workflowExecutionRetentionPeriod: msToTs('1 day') });
  const client = new Client({ connection, namespace: NAMESPACE });
  // A new namespace is known everywhere in the server after some seconds.
  const known = () =>
    client.workflow.count().then(
      () => true,
      () => false,
    );
  while (!(await known())) await wait(250);
  await connection.close();
}

async function untilDispatched(sql: Sql): Promise<void> {
  const waiting = async () => (await sql`select from outbox where dispatch_id is null limit 1`).length > 0;
  while (await waiting()) await wait(100);
}
