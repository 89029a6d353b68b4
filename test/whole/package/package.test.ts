import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readOpenApi } from '../../../scripts/reference/http.ts';
import { type Client, createClient } from '../../../src/client/index.ts';
import { emptyDatabase } from '../../harness/database.ts';
import {
  blocksBelow,
  commandsIn,
  hasProgram,
  Project,
  type RunningCommand,
  root,
} from './project.ts';

const GUIDE = 'docs/guides/adopt.md';
const ADMIN_KEY = 'the-operators-own-key';
const soon = { timeout: 60_000, interval: 100 };

let project: Project;
let env: Record<string, string>;
let pg: Sql;
const running: Record<string, RunningCommand> = {};

beforeAll(async () => {
  const [installed, url] = await Promise.all([
    Project.install({ 'openapi-typescript': '7.13.0', '@types/pg': '8.23.1' }),
    emptyDatabase(),
  ]);
  project = installed;
  pg = postgres(url, { onnotice: () => {} });
  env = {
    DATABASE_URL: url,
    KNOCKON_TRANSPORT: 'pg-boss',
    KNOCKON_SECRET: 'a secret of thirty-two characters',
    KNOCKON_ADMIN_KEY: ADMIN_KEY,
    KNOCKON_PORT: '0',
    KNOCKON_DRAIN: '0s',
    KNOCKON_API_KEY: '',
    PORT: '0',
  };
}, 600_000);
afterAll(async () => {
  await stopAll();
  await pg?.end();
  await project?.remove();
});
afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const [name, command] of Object.entries(running))
    console.error(`── ${name}\n${command.output().slice(-4000)}`);
});

const stopAll = () => Promise.all(Object.values(running).map((command) => command.stop()));

/** Types a step of the guide. @param nth which of its blocks, from 0 */
async function typed(step: string, nth = 0, more: Record<string, string> = {}) {
  const block = (await blocksBelow(GUIDE, step))[nth] ?? '';
  return await project.type(commandsIn(replaced(block)), { env: { ...env, ...more } });
}

const replaced = (text: string) => text.replaceAll('http://localhost:3000', env.API_URL ?? '');

/** Types a step of the guide that goes on. */
async function begun(name: string, step: string, more: Record<string, string> = {}) {
  const [block = ''] = await blocksBelow(GUIDE, step);
  const command = project.start(commandsIn(block), { env: { ...env, ...more } });
  running[name] = command;
  return command;
}

const found = async (command: RunningCommand, pattern: RegExp): Promise<string> => {
  await expect.poll(() => command.output(), soon).toMatch(pattern);
  return pattern.exec(command.output())?.[1] ?? '';
};

const operator = (): Client => createClient({ url: env.API_URL!, operatorKey: ADMIN_KEY });

describe('the package, installed from its tarball', () => {
  it('has types that fit, and an OpenAPI document that another generator understands', async () => {
    await project.write('openapi.json', JSON.stringify(await readOpenApi()));
    await project.write('consumer.ts', CONSUMER);
    const made = await project.type('npx openapi-typescript openapi.json -o api.d.ts');
    expect(made).toMatchObject({ code: 0 });
    const tsc = join(root, 'node_modules/.bin/tsc');
    const options = '--noEmit --strict --skipLibCheck --module nodenext --target es2023';
    const compiled = await project.type(`${tsc} ${options} --types node consumer.ts`);
    expect(compiled).toEqual({ code: 0, output: '' });
  });

  it('runs the tests of the Express example: real receipts, and days in a moment', async () => {
    const { code, output } = await project.type('npm test', { limitMs: 120_000 });
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('pass 2') });
  }, 150_000);
});

describe('docs/guides/adopt.md', () => {
  it('leads from nothing to the first event in the console', async () => {
    expect(await typed('2. Make its tables')).toMatchObject({ code: 0 });
    const api = await begun('api', '3. Start the API');
    env.API_URL = await found(api, /"url":"([^"]+)","msg":"ready"/);
    const workspace = await typed('4. Make a workspace');
    const { id, api_key } = JSON.parse(workspace.output) as { id: string; api_key: string };
    Object.assign(env, { WORKSPACE_ID: id, KNOCKON_API_KEY: api_key });
    const server = await begun('server', '7. See it');
    env.SHOP_URL = await found(server, /(http:\/\/localhost:\d+)/);
    await payInvoice('42');
    const { data: shown } = await operator().opsListEvents({ query: { type: 'invoice.paid' } });
    const { data: listed } = await createClient({ url: env.API_URL, key: api_key }).listEvents();
    expect(shown).toMatchObject([{ type: 'invoice.paid', workspace_id: id }]);
    expect(listed).toMatchObject([{ id: shown[0]!.id, key: 'invoice-42', seq: 0 }]);
  }, 150_000);

  it('stores no event of an invoice that could not be paid', async () => {
    await expect(payInvoice('42')).rejects.toThrow('409');
    expect(await eventsOf(env.WORKSPACE_ID!)).toHaveLength(1);
  });

  it('runs an effect of its own, that does what has waited and what happens from then on', async () => {
    const worker = await begun('worker', '8. Run an effect');
    await found(worker, /"effects":\[(.*)\],"msg":"ready"/);
    await payInvoice('43');
    const receipts = () => pg`select invoice_id, number::int from receipts_to_send order by 1`;
    const both = [
      { invoice_id: '42', number: 1 },
      { invoice_id: '43', number: 2 },
    ];
    await expect.poll(receipts, soon).toEqual(both);
  }, 150_000);

  it('looks after what fits no schema: it is told, tried again, and discarded', async () => {
    const LOOK = '9. Look after it';
    const own = { KNOCKON_API_URL: env.API_URL! };
    const letters = async () =>
      (await operator().listDeadLetters()).data.map(({ subscriber }) => subscriber);
    await pg`select knockon.emit('invoice.paid', ${env.WORKSPACE_ID!}::uuid, '{"amount": 1}')`;
    await expect.poll(letters, soon).toEqual(['schema']);
    const { output } = await typed(LOOK, 0, own);
    expect(output).toMatch(/dead letters +1 of schema/);
    expect((await typed(LOOK, 1, own)).output).toContain('1');
    await expect.poll(letters, soon).toEqual(['schema']);
    expect(await typed(LOOK, 2, own)).toMatchObject({ code: 0 });
    expect(await letters()).toEqual([]);
  }, 150_000);

  it('exits with 78 where a setting of an effect is misspelt', async () => {
    const { code, output } = await typed('8. Run an effect', 0, { THANKS_AFTER_DYAS: '3' });
    expect(code).toBe(78);
    expect(output).toContain('did you mean THANKS_AFTER_DAYS?');
  });
});

describe("README's statements", () => {
  it('emit an event by SQL, in a transaction of its own, and over HTTP', async () => {
    const [inSql = '', , overHttp = ''] = await blocksBelow('README.md', 'Emit an event');
    const before = await eventsOf(env.WORKSPACE_ID!);
    const own = postgres(env.DATABASE_URL!, { max: 1 });
    await own.unsafe(inSql.replace("'…'", `'${env.WORKSPACE_ID}'`)).finally(() => own.end());
    expect(await project.type(replaced(overHttp), { env })).toMatchObject({ code: 0 });
    const events = (await eventsOf(env.WORKSPACE_ID!)).slice(before.length);
    const emitted = { key: 'invoice-42', payload: { invoice_id: '42', customer: 'ada' } };
    expect(events).toMatchObject([emitted, emitted]);
  });
});

describe('docs/guides/event-types.md', () => {
  it('makes a type by the command line, which is known at once', async () => {
    const [schema = '', commands = ''] = await blocksBelow(
      'docs/guides/event-types.md',
      'Make one without code',
    );
    await project.write('invoice-sent.json', schema);
    const own = commands.replaceAll('invoice.paid', 'invoice.sent').replace('-paid', '-sent');
    const { code, output } = await project.type(own.replaceAll(/^knockon/gm, 'npx knockon'), {
      env: { ...env, KNOCKON_API_URL: env.API_URL! },
    });
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining('amount_cents'),
    });
    const { data } = await operator().opsListEventTypes();
    expect(data.map(({ name }) => name)).toContain('invoice.sent');
  });
});

describe('transactions of which half are rolled back', () => {
  const python = 'pip install --quiet --target packages -r requirements.txt && ';
  it
    .skipIf(!hasProgram('python3', '-m', 'pip', '--version'))
    .each([['python', `${python} PYTHONPATH=packages python3 pay_invoices.py 18`]])(
    'by %s: exactly the committed ones arrive, in order',
    emitsExactly,
    200_000,
  );
  it.skipIf(!hasProgram('go', 'version')).each([['go', 'go run . 18']])(
    'by %s: exactly the committed ones arrive, in order',
    emitsExactly,
    550_000,
  );
});

describe('leaving again', () => {
  it('takes nothing along that is not its own', async () => {
    await stopAll();
    const [block = ''] = await blocksBelow(GUIDE, 'Leave again');
    const [, statement = ''] = /'(.*)'/.exec(block) ?? [];
    await pg.unsafe(statement);
    const tables = await pg`
      select relname from pg_class c join pg_namespace n on n.oid = relnamespace
      where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema') order by 1`;
    const names = tables.map(({ relname }) => relname);
    expect(names).toEqual(expect.arrayContaining(['invoices', 'receipts_to_send']));
    expect(names).not.toContain('events');
  });
});

/** Runs examples/NAME, which emits for 18 payments of which every second is declined. */
async function emitsExactly(name: string, command: string): Promise<void> {
  const { id } = await operator().createWorkspace({ body: { name } });
  const typed = `cp -r ${join(root, 'examples', name)} . && cd ${name} && ${command}`;
  const { code, output } = await project.type(typed, {
    env: { ...env, WORKSPACE_ID: id },
    limitMs: 500_000,
  });
  expect({ code, output }).toMatchObject({ code: 0 });
  const payments = [1, 3, 5, 7, 9, 11, 13, 15, 17];
  const events = await eventsOf(id);
  expect(events.map(({ payload }) => payload.amount_cents).sort((a, b) => a - b)).toEqual(payments);
  for (const invoice of ['42', '43', '44']) {
    const own = events.filter(({ key }) => key === `invoice-${invoice}`);
    expect(own.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    const cents = own.map(({ payload }) => payload.amount_cents);
    expect(cents).toEqual(payments.filter((one) => 42 + (one % 3) === Number(invoice)));
  }
  const arrived = () => pg`
    select from knockon.receipts r join knockon.events e on e.id = r.event_id
    where e.workspace_id = ${id} and r.subscriber = 'receipts'`;
  await expect.poll(() => arrived().then((rows) => rows.length), soon).toBe(payments.length);
}

const eventsOf = (workspaceId: string) => pg<
  { key: string; seq: number; payload: { invoice_id: string; amount_cents: number } }[]
>`select key, seq::int, payload from knockon.events where workspace_id = ${workspaceId}
  order by id`;

async function payInvoice(id: string): Promise<void> {
  const send = async (path: string, body?: unknown) => {
    const response = await fetch(`${env.SHOP_URL}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  };
  const invoice = { id, customer: 'ada', amount_cents: 500 };
  await send('/invoices', invoice).catch((error) => {
    // It is there already.
    if (!String(error).includes('500')) throw error;
  });
  await send(`/invoices/${id}/pay`);
}

const CONSUMER = `
import { connect, defineEffect, defineEvent, emit, runEffects, z } from 'knockon';
import { createClient, verifyWebhook } from 'knockon/client';
import { FanOut, startTestPostgres } from 'knockon/testing';
import type pg from 'pg';
import type { paths } from './api.d.ts';

type Health = paths['/healthz']['get']['responses']['200']['content']['application/json'];
export const health: Health = { ok: true };

const paid = defineEvent('invoice.paid', { payload: z.object({ id: z.string() }) });
const effect = defineEffect({
  name: 'mails',
  description: '',
  on: [paid],
  // @ts-expect-error no duration
  timeout: '30 bananas',
  settings: z.object({ MAILS_URL: z.url() }),
  async perform(events, { settings, now }) {
    const url: string = settings.MAILS_URL;
    const ids: string[] = events.map(({ payload }) => payload.id);
    // @ts-expect-error an id is a text
    const numbers: number[] = events.map(({ payload }) => payload.id);
    console.log(url, now(), ids, numbers);
  },
});

export async function main(client: pg.PoolClient) {
  const event = await emit(client, { type: paid, workspaceId: 'w', payload: { id: '42' } });
  const id: string = event.payload.id;
  // @ts-expect-error the payload does not fit
  await emit(client, { type: paid, workspaceId: 'w', payload: { id: 42 } });
  const database = await connect({ url: 'postgres://' });
  await database.pg.begin((tx) => emit(tx, { type: paid, workspaceId: 'w', payload: { id } }));
  const running = await runEffects({ effects: [effect], database });
  await running.stop();
  const api = createClient({ url: 'http://localhost:3000' });
  for await (const one of api.listEvents()) console.log(one.seq);
  console.log(verifyWebhook({ secret: '', headers: {}, body: '' }).event.payload);
  const fanOut = await FanOut.open(await (await startTestPostgres()).database(), [effect]);
  const failures: string[] = await fanOut.run();
  console.log(failures);
}
`;
