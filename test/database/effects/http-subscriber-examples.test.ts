import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remote } from '../../../src/activities/remote/index.ts';
import { trySubscriber } from '../../../src/activities/remote/try-subscriber.ts';
import { createSender } from '../../../src/activities/runtime/http/send.ts';
import { putHttpSubscriber } from '../../../src/ops/http-subscribers/change.ts';
import { aCallTo } from '../../../src/testing/call.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel } from '../../harness/messaging.ts';
import { loopback, seal } from '../../harness/webhook-receiver.ts';
import { hasProgram } from '../../whole/package/project.ts';

const SECRET = 'whsec_c2VjcmV0IG9mIHRoaXJ0eS10d28gY2hhcmFjdGVycw==';
const examples = fileURLToPath(new URL('../../../examples/http-subscriber', import.meta.url));
const soon = { timeout: 100_000, interval: 50 };

describe.each([
  ['python', hasProgram('python3', '--version'), ['python3', 'python/service.py']],
  ['go', hasProgram('go', 'version'), ['go', 'build']],
  ['express', true, [process.execPath, 'express/service.js']],
])('the HTTP subscriber in %s', (name, isThere, [program, ...words]) => {
  let test: TestDatabase;
  let folder: string;
  let service: ChildProcess | undefined;
  let output = '';

  beforeAll(async () => {
    if (!isThere) return;
    folder = await mkdtemp(join(tmpdir(), 'knockon-example-'));
    test = await freshDatabase();
    if (name === 'go') await build(folder);
    const command = name === 'go' ? [join(folder, 'service')] : [program!, ...words];
    service = spawn(command[0]!, command.slice(1), {
      cwd: examples,
      env: { ...process.env, SECRET, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    service.stdout!.on('data', (text) => {
      output += String(text);
    });
  }, 180_000);
  afterAll(async () => {
    service?.kill('SIGKILL');
    await test?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it.skipIf(!isThere)(
    'does what it can, names what it can’t, and knows what it has done',
    async () => {
      await expect.poll(() => output, soon).toMatch(/listening on (\S+)/);
      const url = /listening on (\S+)/.exec(output)![1]!;
      const { database } = test;
      await declareTypes(database, ['invoice.paid'], { schema: { type: 'object' } });
      const { workspaceId } = await aChannel(database);
      for (const [invoice, cents] of [
        ['42', 500],
        ['43', -1],
        ['44', 700],
      ])
        await database.pg`select knockon.emit('invoice.paid', ${workspaceId}::uuid,
        ${database.pg.json({ invoice_id: invoice, amount_cents: cents } as never)})`;
      await subscribeTo(url);
      const make = await aCallTo(effect(), test);
      const { done, open } = await make();
      expect({ done, open }).toMatchObject({ done: 2, open: [{ state: 'dead' }] });
      await database.pg`delete from knockon.receipts`;
      expect(await make()).toMatchObject({ done: 2 });
      const receipts = () => [...output.matchAll(/receipt for (\d+)/g)].map(([, id]) => id);
      await expect.poll(receipts, soon).toEqual(['42', '44']);
      await expectTried(200);
      await subscribeTo(url, 'whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA==');
      await expectTried(401);
    },
  );

  const effect = () =>
    remote(
      {
        name: 'receipts-by-mail',
        description: '',
        event_types: ['invoice.paid'],
        ordering: 'none',
        batch: 100,
        timeout_ms: 10_000,
        retry: { attempts: 5, initial_ms: 1000, max_ms: 1000, backoff: 1 },
      },
      {
        seal,
        send: createSender({ allow: loopback, timeoutMs: 10_000 }),
        circuit: { failures: 0, firstMs: 1000, longestMs: 1000 },
      },
    );

  async function subscribeTo(url: string, secret = SECRET): Promise<void> {
    await test.database.pg`delete from knockon.http_subscribers`;
    await test.database.pg`delete from knockon.subscribers`;
    await putHttpSubscriber(
      test.database,
      {
        name: 'receipts-by-mail',
        description: '',
        url,
        event_types: ['invoice.paid'],
        ordering: 'none',
        batch: 100,
        timeout_ms: 10_000,
        call_timeout_ms: 30_000,
        attempts: 5,
        task_queue: 'effects.receipts-by-mail',
        by: 'tests',
      },
      seal.close(secret),
    );
    // The call below registers it as an effect of its own.
    await test.database.pg`delete from knockon.subscribers`;
  }

  async function expectTried(status: number): Promise<void> {
    const tell = trySubscriber({
      db: test.database.db,
      seal,
      allow: loopback,
      timeoutMs: 10_000,
    });
    expect(await tell('receipts-by-mail')).toMatchObject({ status });
  }
});

/** Ends with an error where it can't be built. */
async function build(folder: string): Promise<void> {
  const building = spawn('go', ['build', '-o', join(folder, 'service'), '.'], {
    cwd: join(examples, 'go'),
    stdio: 'inherit',
  });
  const code = await new Promise((resolve) => building.once('exit', resolve));
  expect(code).toBe(0);
}
