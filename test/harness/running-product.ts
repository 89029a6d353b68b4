import { afterAll, beforeAll, vi } from 'vitest';
import { type Config, readConfig } from '../../src/settings/config.ts';
import { start as startApi } from '../../src/workers/api.ts';
import { start as startEffects } from '../../src/workers/effects.ts';
import type { Running } from '../../src/workers/process/process.ts';
import { start as startWorkflows } from '../../src/workers/workflows.ts';
import { Customer } from './customer.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { OPERATOR } from './processes.ts';
import { freshNamespace, workflowBundle } from './temporal.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body, and fail where it is not there
type Body = any;

/** The whole product in this process, on a database and a namespace of its own. */
export interface RunningProduct {
  own: TestDatabase;
  config: Config;
  url: string;
  acme: Customer;
  /** Calls under /v1/ops as the operator. */
  ops(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ status: number; body: Body }>;
  /** Starts effect workers beside those that there are. */
  effects(only?: string[]): Promise<Running>;
  /** Everything that was started, but the database. */
  running: Running[];
}

export async function callOps(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  key = OPERATOR,
) {
  const response = await fetch(`${url}/v1/ops/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as Body };
}

/** Starts it for the tests of a file; its fields are there once they run. */
export function useProduct(
  settings: NodeJS.ProcessEnv | (() => NodeJS.ProcessEnv) = {},
): RunningProduct {
  const product = { running: [] as Running[] } as unknown as RunningProduct;
  vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });
  beforeAll(async () => {
    const [own, temporal] = await Promise.all([freshDatabase(), freshNamespace()]);
    const config = readConfig({
      DATABASE_URL: own.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      KNOCKON_SECRET: 'a secret of thirty-two characters',
      KNOCKON_ADMIN_KEY: OPERATOR,
      ...{ KNOCKON_PORT: '0', KNOCKON_DRAIN: '0s', KNOCKON_SHUTDOWN: '1s', LOG_LEVEL: 'silent' },
      ...(typeof settings === 'function' ? settings() : settings),
    });
    const effects = async (only?: string[]) => {
      const worker = await startEffects(config, { only });
      product.running.push(worker);
      return worker;
    };
    Object.assign(product, { own, config, effects });
    const api = await startApi(config);
    product.running.push(api);
    if (config.KNOCKON_TRANSPORT === 'temporal')
      product.running.push(await startWorkflows(config, workflowBundle()));
    await effects();
    const url = api.url!;
    Object.assign(product, { url, acme: await Customer.at(url), ops: callOps.bind(null, url) });
  });
  afterAll(async () => {
    for (const one of product.running.toReversed()) await one.stop();
    await product.own?.close();
  });
  return product;
}
