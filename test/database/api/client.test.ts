import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient, ProblemError } from '../../../src/client/index.ts';
import { type Operation, operations } from './openapi-operations.ts';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();
let client: Client;
let documented: Operation[];

/** As over a network, where a body's length is known. */
const send: typeof fetch = async (url, init) => {
  const request = new Request(url, init);
  const { body } = init ?? {};
  if (body) request.headers.set('content-length', String(Buffer.byteLength(String(body))));
  return await api.app.fetch(request);
};

beforeAll(async () => {
  client = createClient({ url: 'http://api', key: api.key, operatorKey: OPERATOR, fetch: send });
  documented = await operations(api.app);
});

describe('the client', () => {
  it('has a method for every operation of the document, and no other', () => {
    const names = documented.map(({ operationId }) => operationId);
    expect(Object.keys(client).sort()).toEqual(names.sort());
  });

  it('creates, reads, changes and deletes', async () => {
    const channel = await client.createChannel({ body: { name: 'by the client' } });
    const path = { id: channel.id };
    const posted = await client.postMessage({ path, body: { author: 'ada', text: 'hello' } });
    expect(posted.seq).toBe(1);
    const edited = await client.editMessage({ path: { id: posted.id }, body: { text: 'bye' } });
    expect(await client.getMessage({ path: { id: posted.id } })).toEqual(edited);
    expect(await client.deleteMessage({ path: { id: posted.id } })).toBeUndefined();
  });

  it('posts once under an Idempotency-Key, however often it is called', async () => {
    const path = { id: await api.channel() };
    const call = { path, body: { author: 'ada', text: 'once' }, idempotencyKey: 'post-1' };
    const first = await client.postMessage(call);
    expect(await client.postMessage(call)).toEqual(first);
    expect((await client.listMessages({ path })).data).toHaveLength(1);
  });

  it('gives a page to those who await a list, and every entry to those who iterate', async () => {
    const path = { id: await api.channel() };
    for (const text of ['1', '2', '3', '4', '5'])
      await client.postMessage({ path, body: { author: 'ada', text } });
    const page = await client.listMessages({ path, query: { limit: 2 } });
    expect(page.data.map(({ text }) => text)).toEqual(['5', '4']);
    expect(page.next_cursor).toEqual(expect.any(String));
    const texts = [];
    for await (const { text } of client.listMessages({ path, query: { limit: 2 } }))
      texts.push(text);
    expect(texts).toEqual(['5', '4', '3', '2', '1']);
  });

  it('throws a problem that names each field', async () => {
    const path = { id: await api.channel() };
    const call = client.postMessage({ path, body: { author: '', text: 'hello' } });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    const { status, problem, requestId, message } = error as ProblemError;
    expect(message).toContain('(author must have 1 to 255 characters)');
    expect((error as ProblemError).is('validation')).toBe(true);
    expect(status).toBe(422);
    expect(problem.errors).toEqual([{ path: 'author', message: 'must have 1 to 255 characters' }]);
    expect(requestId).toEqual(expect.any(String));
  });

  it("reads what is an operator's, what is open to all, and what is text", async () => {
    const workspace = await client.createWorkspace({ body: { name: 'Another' } });
    expect(workspace.api_key).toEqual(expect.any(String));
    expect((await client.opsListSubscribers()).data).toEqual([]);
    expect(await client.getHealth()).toEqual({ ok: true });
    expect(await client.getMetrics()).toContain('# HELP');
  });

  it('is typed: what does not fit does not compile', () => {
    const calls = () => [
      // @ts-expect-error the path is missing
      client.getMessage(),
      // @ts-expect-error the body has no author
      client.postMessage({ path: { id: 'c1' }, body: { text: 'hello' } }),
      // @ts-expect-error there is no such parameter
      client.listMessages({ path: { id: 'c1' }, query: { colour: 'red' } }),
    ];
    expect(calls).toBeInstanceOf(Function);
  });

  it('pulls in nothing but Node', () => {
    const folder = new URL('../../../src/client/', import.meta.url);
    const imports = readdirSync(folder).flatMap((file) => [
      ...readFileSync(new URL(file, folder), 'utf8').matchAll(/from '([^']+)'/g),
    ]);
    const others = imports.map(([, from]) => from).filter((from) => !from?.startsWith('./'));
    expect(new Set(others)).toEqual(new Set(['node:crypto']));
  });
});
