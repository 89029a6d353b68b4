import pino from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { createApp } from '../../../src/api/app.ts';
import type { ApiDependencies } from '../../../src/api/dependencies.ts';
import type { Database } from '../../../src/db/client.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { createMessageWriter } from '../../../src/messages/create.ts';
import { createEventWriter } from '../../../src/outbox/post-events.ts';
import { createSeal, type Seal } from '../../../src/seal.ts';
import { ResetError } from '../../../src/transport/operation.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

export const OPERATOR = 'the-operators-own-key';

/** What a call answered: the status, the body (parsed where it is JSON) and the headers. */
// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body, and fail where it is not there
export type Answer = { status: number; body: any; headers: Headers };

export interface CallOptions {
  key?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

/** The API on a database of its own, called without a network. */
export interface TestApi {
  database: Database;
  /** Where the database is. */
  url: string;
  seal: Seal;
  app: ReturnType<typeof createApp>;
  /** Another API process on the same database. */
  another(changes?: Partial<ApiDependencies>): ReturnType<typeof createApp>;
  /**
   * Calls with the first workspace's key, unless told otherwise; a string is sent as it is,
   * anything else as JSON.
   */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A new workspace with its key. */
  workspace(): Promise<{ id: string; api_key: string }>;
  /** A new channel of the first workspace. */
  channel(name?: string): Promise<string>;
  post(
    channelId: string,
    message?: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<Answer>;
  key: string;
  workspaceId: string;
}

/** A transport that is away. */
const away = async () => {
  throw new Error('the transport is away');
};
const noQueues: ApiDependencies['queues'] = {
  enforcedBy: 'server',
  describe: away,
  setRate: away,
  server: async () => null,
};

function dependencies(database: Database, seal: Seal): ApiDependencies {
  return {
    database,
    heavy: createHeavy(database),
    seal,
    writer: createMessageWriter({ pg: database.pg, onStored: () => {} }),
    eventWriter: createEventWriter({ pg: database.pg, onStored: () => {} }),
    eventTypes: new EventTypeRegistry({ pg: database.pg }),
    summaries: { get: async () => null },
    verifyAudit: async () => ({ valid: true, entries: 0, head: null, broken_at: null }),
    sendTest: async () => ({
      delivery_id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70',
      status: 200,
      latency_ms: 3,
      error: null,
      response_excerpt: 'ok',
    }),
    redeliver: async () => 'no event',
    trySubscriber: async (name) => {
      const { pg } = database;
      await pg`select from knockon.http_subscribers where name = ${name}`;
      return undefined;
    },
    taskQueueOf: (name) => `effects.${name}`,
    resetWorkflow: async (id) => {
      throw new ResetError('absent', `there is no workflow ${id}`);
    },
    queues: noQueues,
    diagnose: async () => ({ ok: true, findings: [] }),
    readiness: async () => ({ ok: true, detail: {} }),
    adminKey: OPERATOR,
    temporalUi: { url: 'http://localhost:8233/', namespace: 'default' },
    isAllowedWebhookUrl: async (url) =>
      new URL(url).hostname === '10.0.0.1' ? 'is a private address' : null,
    log: pino({ level: 'silent' }),
  };
}

/** Sends a request to an app as a client would over HTTP. */
export async function request(
  app: TestApi['app'],
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const { key, body, headers } = options;
  const response = await app.request(path, {
    method,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(asText(body))),
      }),
      ...headers,
    },
    body: body === undefined ? undefined : asText(body),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    body: isJson && text !== '' ? JSON.parse(text) : text,
    headers: response.headers,
  };
}

const asText = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));

/** One API for the tests of a file; its fields are there once the tests run. */
export function useApi(changes: Partial<ApiDependencies> = {}): TestApi {
  const api = {} as TestApi;
  let own: TestDatabase;
  let names = 0;
  beforeAll(async () => {
    own = await freshDatabase();
    const seal = createSeal('a secret that is long enough for a test');
    const another = (more: Partial<ApiDependencies> = {}) => {
      const given = { ...changes, ...more };
      return createApp({ ...dependencies(given.database ?? own.database, seal), ...given });
    };
    const app = another();
    const call = (method: string, path: string, options: CallOptions = {}) =>
      request(app, method, path, { key: api.key, ...options });
    Object.assign(api, { database: own.database, url: own.url, seal, app, another, call });
    api.workspace = async () =>
      (await call('POST', '/v1/workspaces', { key: OPERATOR, body: { name: 'Acme' } })).body;
    api.channel = async (name = `channel ${++names}`) =>
      (await call('POST', '/v1/channels', { body: { name } })).body.id;
    api.post = (channelId, message = {}, options = {}) =>
      call('POST', `/v1/channels/${channelId}/messages`, {
        body: { author: 'ada', text: 'hello', ...message },
        ...options,
      });
    const { id, api_key } = await api.workspace();
    Object.assign(api, { key: api_key, workspaceId: id });
  });
  afterAll(() => own?.close());
  return api;
}
