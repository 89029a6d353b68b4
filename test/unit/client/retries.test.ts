import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient, ProblemError, UnreachableError } from '../../../src/client/index.ts';

type Answer = [status: number, headers?: Record<string, string>, body?: unknown] | Error;

/** An API that gives these answers, one after another, and the last one for ever. */
function anApi(...answers: Answer[]) {
  const requests: { method: string; url: string; headers: Headers }[] = [];
  const send: typeof fetch = async (url, init) => {
    const request = new Request(url, init);
    requests.push({ method: request.method, url: request.url, headers: request.headers });
    const answer = answers[Math.min(requests.length, answers.length) - 1]!;
    if (answer instanceof Error) throw answer;
    const [status, headers = {}, body] = answer;
    const text = body === undefined ? null : JSON.stringify(body);
    return new Response(text, {
      status,
      headers: { 'content-type': 'application/json', ...headers },
    });
  };
  const options = { url: 'http://api.test/', key: 'kn_1', operatorKey: 'op', fetch: send };
  return { requests, options, client: createClient(options) };
}

const atOnce = { 'retry-after': '0' };
const down = new TypeError('fetch failed', {
  cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
});

describe('the client', () => {
  it('repeats what creates under one Idempotency-Key of its own, as long as no answer comes', async () => {
    const { client, requests } = anApi(down, [503, atOnce], [201, {}, { id: 'c1' }]);
    expect(await client.createChannel({ body: { name: 'general' } })).toEqual({ id: 'c1' });
    const keys = requests.map(({ headers }) => headers.get('idempotency-key'));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('does not repeat what may have been done and would be done twice', async () => {
    const { client, requests } = anApi([503, atOnce], [200, {}, {}]);
    const call = client.editMessage({ path: { id: 'm1' }, body: { text: 'hello' } });
    await expect(call).rejects.toThrow(ProblemError);
    expect(requests).toHaveLength(1);
  });

  it('repeats whatever was refused by the rate limit', async () => {
    const { client, requests } = anApi([429, atOnce], [200, {}, {}]);
    await client.editMessage({ path: { id: 'm1' }, body: { text: 'hello' } });
    expect(requests).toHaveLength(2);
  });

  it('gives up after five tries', async () => {
    const { client, requests } = anApi([503, atOnce]);
    await expect(client.getMessage({ path: { id: 'm1' } })).rejects.toMatchObject({ status: 503 });
    expect(requests).toHaveLength(5);
  });

  it('gives up at once where the API asks for more time than it may take', async () => {
    const { client, requests } = anApi([503, { 'retry-after': '31' }]);
    const call = client.getMessage({ path: { id: 'm1' } });
    await expect(call).rejects.toMatchObject({ status: 503, retryAfterMs: 31_000 });
    expect(requests).toHaveLength(1);
  });

  it('says what it could not reach, and why', async () => {
    const { options } = anApi(down);
    const call = createClient({ ...options, retries: 0 }).getMessage({ path: { id: 'm1' } });
    await expect(call).rejects.toThrow(UnreachableError);
    await expect(call).rejects.toThrow("http://api.test can't be reached: ECONNREFUSED");
  });

  it('takes a 404 for done where an earlier try to delete was not answered', async () => {
    const { client } = anApi(down, [404, {}, { title: 'Not Found', detail: 'no such message' }]);
    expect(await client.deleteMessage({ path: { id: 'm1' } })).toBeUndefined();
    const absent = anApi([404, {}, { title: 'Not Found', detail: 'There is no such message.' }]);
    const call = absent.client.deleteMessage({ path: { id: 'm1' } });
    await expect(call).rejects.toThrow('404 Not Found: There is no such message.');
  });

  it('ends at once when its signal aborts, though it waits for another try', async () => {
    const { client, requests } = anApi([503, { 'retry-after': '20' }]);
    const stop = new AbortController();
    const call = client.getMessage({ path: { id: 'm1' }, signal: stop.signal });
    await expect.poll(() => requests.length).toBe(1);
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  it("sends the operator's key to the operator's routes, the workspace's to others, none to open ones", async () => {
    const { client, requests } = anApi([200, {}, {}]);
    await client.listOperators();
    await client.getMessage({ path: { id: 'm1' } });
    await client.getHealth();
    const keys = requests.map(({ headers }) => headers.get('authorization'));
    expect(keys).toEqual(['Bearer op', 'Bearer kn_1', null]);
  });

  it('keeps what is in a path in its place', async () => {
    const { client, requests } = anApi([200, {}, {}]);
    await client.getMember({ path: { handle: 'a/b?c#d' } });
    expect(requests[0]!.url).toBe('http://api.test/v1/members/a%2Fb%3Fc%23d');
    for (const handle of ['', '.', '..'])
      await expect(client.getMember({ path: { handle } })).rejects.toThrow(TypeError);
    expect(requests).toHaveLength(1);
  });

  it('tells a page of something in between from a problem of the API', async () => {
    const { client } = anApi([404, { 'content-type': 'text/html' }]);
    const call = client.getMessage({ path: { id: 'm1' } });
    await expect(call).rejects.toThrow('no problem document (text/html)');
  });

  it('gives the messages of a stream one by one', async () => {
    const text =
      'event: recent\ndata: []\n\n: beat\n\nevent: sample\r\ndata: {"a":1}\r\n\r\ndata: x\n\n';
    const half = Math.ceil(text.length / 2);
    const send = async () =>
      new Response(new Blob([text.slice(0, half), text.slice(half)]), { status: 200 });
    const client = createClient({ url: 'http://api.test', fetch: send });
    const messages = [];
    for await (const message of client.streamSamples()) messages.push(message);
    expect(messages).toEqual([
      { event: 'recent', data: [] },
      { event: 'sample', data: { a: 1 } },
      { event: 'message', data: 'x' },
    ]);
  });

  it.each(['', 'api.test', 'ftp://api.test', 'http://api.test/?a=b', 'http://api.test/#a'])(
    'is not made for the URL %j',
    (url) => {
      expect(() => createClient({ url })).toThrow(TypeError);
    },
  );

  it.each([
    { url: 'http://ada:secret@api.test' },
    { key: 'kn_secret…' },
    { key: 'kn_secret\nabc' },
    { key: '' },
    { operatorKey: 'kn_secret ' },
  ])('is not made for %j, and does not tell the value', (wrong) => {
    const make = () => createClient({ url: 'http://api.test', ...wrong });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(/^createClient: `(url|key|operatorKey)` must [^:]*$/);
    expect(make).not.toThrow('secret');
  });

  it.each([
    [{ apiKey: 'kn_a' }, '`apiKey` is unknown; there are url, key, operatorKey,'],
    [{ retries: Number.NaN }, '`retries` must be a whole number from 0 to 2147483647'],
    [{ retries: '5' }, '`retries` must be a whole number'],
    [{ timeoutMs: 0 }, '`timeoutMs` must be a whole number from 1'],
    [{ timeoutMs: 2 ** 32 }, '`timeoutMs` must be a whole number from 1'],
    [{ timeoutMs: 1500.5 }, '`timeoutMs` must be a whole number from 1'],
    [{ maxWaitMs: Number.POSITIVE_INFINITY }, '`maxWaitMs` must be a whole number from 0'],
    [{ fetch: 5 }, '`fetch` must be a function'],
  ])('is not made with %j', (wrong, why) => {
    const make = () => createClient({ url: 'http://api.test', ...(wrong as object) });
    expect(make).toThrow(`createClient: ${why}`);
  });

  it.each([{ type: 'bill.paid' }, { querry: { type: 'bill.paid' } }])(
    'refuses a call with a member that would be passed over, %j',
    async (call) => {
      const { client, requests } = anApi([200, {}, { data: [], next_cursor: null }]);
      await expect(client.listEvents(call as object)).rejects.toThrow(
        /^the call: `\w+` is unknown; there are path, query, body,/,
      );
      expect(requests).toHaveLength(0);
    },
  );

  it('refuses a header that cannot be sent, at once and without its value', async () => {
    const { client, requests } = anApi([200, {}, {}]);
    const call = client.getMessage({ path: { id: 'm1' }, headers: { 'x-token': 'secret\nx' } });
    await expect(call).rejects.toThrow(/^the header "x-token" has characters that can't be sent$/);
    expect(requests).toHaveLength(0);
  });
});

describe('an answer that is not whole', () => {
  /** A server that breaks off so many answers after the first bytes, or stalls, then answers. */
  async function breaking(how: 'cut' | 'stall', times: number) {
    const keys: unknown[] = [];
    const server = createServer((request, response) => {
      keys.push(request.headers['idempotency-key']);
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10 });
      if (keys.length > times) return response.end('{"id":"1"}');
      return response.write('{"id"', () => how === 'cut' && response.destroy());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const client = createClient({ url, maxWaitMs: 1, timeoutMs: how === 'stall' ? 400 : 10_000 });
    return { client, keys };
  }

  it.each(['cut', 'stall'] as const)('is asked for again (%s)', async (how) => {
    const { client, keys } = await breaking(how, 2);
    expect(await client.getEvent({ path: { id: 'e1' } })).toEqual({ id: '1' });
    expect(keys).toHaveLength(3);
  });

  it('of what creates is asked for again under the same Idempotency-Key', async () => {
    const { client, keys } = await breaking('cut', 1);
    expect(await client.createChannel({ body: { name: 'general' } })).toEqual({ id: '1' });
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it.each([
    ['cut', 'broke off its answer: '],
    ['stall', 'did not answer within 400 ms'],
  ] as const)('is an UnreachableError in the end (%s)', async (how, message) => {
    const { client, keys } = await breaking(how, Number.POSITIVE_INFINITY);
    const call = client.getEvent({ path: { id: 'e1' } });
    await expect(call).rejects.toThrow(UnreachableError);
    await expect(call).rejects.toThrow(message);
    expect(keys).toHaveLength(5);
  });

  it("ends at once with the signal's reason", async () => {
    const { client, keys } = await breaking('stall', Number.POSITIVE_INFINITY);
    const stop = new AbortController();
    const call = client.getEvent({ path: { id: 'e1' }, signal: stop.signal });
    await expect.poll(() => keys.length).toBe(1);
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  it('in a stream is an UnreachableError', async () => {
    const body = new ReadableStream({
      start: (stream) => stream.error(new TypeError('terminated')),
    });
    const client = createClient({ url: 'http://api.test', fetch: async () => new Response(body) });
    const reading = async () => {
      for await (const message of client.streamSamples()) expect(message).toBeUndefined();
    };
    await expect(reading()).rejects.toThrow(UnreachableError);
  });
});

describe('an answer that is not of the API', () => {
  const answering = (status: number, type: string, text: string) =>
    createClient({
      url: 'http://api.test',
      fetch: async () => new Response(text, { status, headers: { 'content-type': type } }),
    });

  it.each([
    ['application/json', '{"id": "1'],
    ['text/html', '<h1>Welcome</h1>'],
    ['text/html', ''],
  ])('though it is a success, is a problem that asks for the URL (%s, %j)', async (type, text) => {
    const client = answering(200, type, text);
    const call = client.getEvent({ path: { id: 'e1' } });
    await expect(call).rejects.toThrow(ProblemError);
    await expect(call).rejects.toThrow(
      `200 OK: The answer is not what the API answers (${type}): is that Knock-on's API?`,
    );
    const reading = async () => {
      for await (const event of client.listEvents()) expect(event).toBeUndefined();
    };
    await expect(reading()).rejects.toThrow(ProblemError);
  });

  it('has the status of HTTP, whatever its body says', async () => {
    const body = { title: 'Bad', detail: 'no', status: 'fail' };
    const client = answering(400, 'application/json', JSON.stringify(body));
    const call = client.getEvent({ path: { id: 'e1' } });
    await expect(call).rejects.toMatchObject({ status: 400, problem: { status: 400 } });
  });
});
