import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Balance } from '../../../src/ops/status/verify.ts';
import { Customer, settled, soon } from '../../harness/customer.ts';
import { OPERATOR, useDeployment } from '../../harness/processes.ts';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../../bin/knockon.js', import.meta.url));

let acme: Customer;
let api: string;
const knockon = useDeployment(() => ({ KNOCKON_CHECK_EVERY: '200ms', KNOCKON_HEAL_AGE: 'off' }));
beforeAll(async () => {
  const [first] = await Promise.all(
    ['api', 'worker workflows', 'worker effects'].map((name) => knockon.current.start(name)),
  );
  api = first!.url;
  acme = await Customer.at(api);
});

/** `knockon verify`, as somebody types it. */
async function verify(...args: string[]) {
  const { temporal, url } = knockon.current;
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
  const ended = await run(process.execPath, [command, 'verify', ...args], { env }).catch(
    (error) => error,
  );
  return { code: (ended.code as number | undefined) ?? 0, stdout: String(ended.stdout) };
}

const open = async (path: string, key?: string) => {
  const response = await fetch(api + path, {
    headers: key ? { authorization: `Bearer ${key}` } : {},
  });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : null };
};
const documents = () =>
  knockon.current.database.pg`select message_id from knockon.search_documents`;

describe('an effect that is lost, in a deployment', () => {
  it('is found by everybody who looks, and brought about by the relay, while nothing else happens twice', async () => {
    const { pg } = knockon.current.database;
    const messages = [];
    for (let n = 0; n < 3; n += 1)
      messages.push(await acme.post({ author: 'ada', text: `message ${n}` }));
    await settled(knockon.current);
    await expect.poll(async () => (await verify()).code, soon).toBe(0);
    expect((await verify('--json')).stdout).toContain('"balanced":true');

    const { id, event_id } = messages[1]!;
    await pg`delete from knockon.search_documents where message_id = ${id}`;
    await pg`delete from knockon.receipts where subscriber = 'search' and event_id = ${event_id}`;

    const text = await verify();
    expect(text).toMatchObject({ code: 1, stdout: expect.stringContaining('Not balanced') });
    expect(text.stdout).toContain(event_id);
    const { body } = await open('/v1/ops/verify', OPERATOR);
    const missing = [{ subscriber: 'search', event_id, type: 'message.created' }];
    expect(body).toMatchObject({ balanced: false, asked: true, missing } satisfies {
      [K in keyof Balance]?: unknown;
    });
    expect(body.subscribers.find((s: { name: string }) => s.name === 'search')).toMatchObject({
      missing: 1,
      in_flight: 0,
    });
    expect(JSON.parse((await verify('--json')).stdout)).toMatchObject({ balanced: false, missing });
    await expect
      .poll(async () => (await open('/metrics')).text, soon)
      .toMatch(/^knockon_missing\{subscriber="search"\} 1$/m);
    await expect
      .poll(async () => (await open('/readyz')).body.detail.problem, soon)
      .toMatch(/1 effects? (is|are) missing/);

    await knockon.current.start('relay', { KNOCKON_HEAL_AGE: '300ms' });
    await expect.poll(documents, soon).toHaveLength(3);
    await expect.poll(async () => (await verify()).code, soon).toBe(0);
    await expect
      .poll(async () => (await open('/readyz')).body, soon)
      .toMatchObject({ ok: true, detail: { ledger: { missing: 0 } } });
    await expect
      .poll(async () => (await open('/metrics')).text, soon)
      .toMatch(/^knockon_missing\{subscriber="search"\} 0$/m);
    const counted = (await acme.get('/v1/analytics/messages?bucket=day')).data;
    expect(
      counted.reduce((n: number, bucket: { messages: number }) => n + bucket.messages, 0),
    ).toBe(3);
    expect(knockon.current.logs()).toMatch(/starting effects again that were missing/);
  });

  it('answers nobody but the operator', async () => {
    expect((await open('/v1/ops/verify')).status).toBe(401);
    expect((await open('/v1/ops/verify', 'kn_nobody')).status).toBe(401);
  });
});
