import { expect, vi } from 'vitest';
import { verifyLedger } from '../../src/ops/status/verify.ts';
import { undispatched } from '../../src/outbox/ledger.ts';
import { effectNames, effectsOf } from './effect-names.ts';
import { type Deployment, OPERATOR } from './processes.ts';

/**
 * How long tests wait for what follows by itself; processes share two cores with the other tests.
 */
export const soon = { timeout: 100_000, interval: 50 };

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body, and fail where it is not there
export type Answer = { status: number; body: any };

/** A customer of the API: one workspace, its key, a channel. */
export class Customer {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly key: string;
  /** Where the API is now; another one after a restart. */
  url: string;

  private constructor(url: string, key: string, workspaceId: string, channelId: string) {
    this.url = url;
    this.key = key;
    this.workspaceId = workspaceId;
    this.channelId = channelId;
  }

  /** Signs up at this API. */
  static async at(url: string): Promise<Customer> {
    const workspace = await request(url, 'POST', '/v1/workspaces', OPERATOR, { name: 'Acme' });
    const { id, api_key } = workspace.body;
    const channel = await request(url, 'POST', '/v1/channels', api_key, { name: 'general' });
    return new Customer(url, api_key, id, channel.body.id);
  }

  call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return request(this.url, method, path, this.key, body, headers);
  }

  async get(path: string): Promise<Answer['body']> {
    return (await this.call('GET', path)).body;
  }

  /** Posts a message; a key makes it safe to repeat. */
  async post(
    message: { author?: string; text?: string; deliver_at?: string } = {},
    key?: string,
  ): Promise<Answer['body']> {
    const path = `/v1/channels/${this.channelId}/messages`;
    const answer = await this.call(
      'POST',
      path,
      { author: 'ada', text: 'hello', ...message },
      key ? { 'idempotency-key': key } : {},
    );
    if (answer.status !== 201)
      throw new Error(`posting was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Posts until the API has taken it, whatever happens to it meanwhile; the text is the key. */
  async postPersistently(text: string, deliver_at?: string): Promise<void> {
    await vi.waitFor(() => this.post({ text, deliver_at }, text), soon);
  }

  /** The states of a message's effects, by subscriber, for its event of that type. */
  async states(messageId: string, type = 'message.created'): Promise<Record<string, string>> {
    const { events } = await this.get(`/v1/messages/${messageId}/effects`);
    const event = events.find((one: { type: string }) => one.type === type);
    return Object.fromEntries(
      (event?.effects ?? []).map((e: { subscriber: string; state: string }) => [
        e.subscriber,
        e.state,
      ]),
    );
  }
}

async function request(
  url: string,
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

/** Until every event is dispatched and each of its effects done or given up. */
export async function settled({ database }: Deployment): Promise<void> {
  await expect.poll(() => undispatched(database.pg), soon).toMatchObject({ count: 0 });
  await expect
    .poll(
      async () => (await verifyLedger(database.pg)).subscribers.filter((s) => s.in_flight > 0),
      soon,
    )
    .toEqual([]);
}

/** The same state of each effect that wants events of a type. */
export const all = (state: string, type = 'message.created') =>
  Object.fromEntries(effectsOf(type).map((name) => [name, state]));

/** Each effect has happened for each event, and what the database holds of it was written once. */
export async function expectOnce(
  deployment: Deployment,
  product: Customer,
  messages: number,
): Promise<void> {
  const { pg } = deployment.database;
  const { balanced, subscribers, undispatched } = await verifyLedger(pg, {
    running: async () => new Set(),
  });
  expect({ balanced, undispatched: undispatched.count }).toEqual({
    balanced: true,
    undispatched: 0,
  });
  expect(subscribers.map(({ name }) => name)).toEqual(effectNames);
  for (const { name, expected, done, dead } of subscribers)
    expect({ name, done, dead }).toEqual({ name, done: expected, dead: 0 });
  const [count] =
    await pg`select (select count(*)::int from knockon.events) as events, (select count(*)::int from knockon.messages) as messages`;
  expect(count?.messages).toBe(messages);
  expect(await product.get('/v1/audit/verify')).toMatchObject({
    valid: true,
    entries: count?.events,
    broken_at: null,
  });
  const { data } = await product.get('/v1/analytics/messages?bucket=day');
  expect(data.reduce((n: number, bucket: { messages: number }) => n + bucket.messages, 0)).toBe(
    messages,
  );
  expect(await product.get(`/v1/channels/${product.channelId}/summary`)).toMatchObject({
    messages,
  });
  const [found] = await pg`select count(*)::int as documents from knockon.search_documents`;
  expect(found?.documents).toBe(messages);
}
