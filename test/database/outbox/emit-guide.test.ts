import { readFileSync } from 'node:fs';
import { eq } from 'drizzle-orm';
import { pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';

/** Blocks of a page in a language. */
const blocksOf = (path: string, language: string) =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
    .split(`\`\`\`${language}\n`)
    .slice(1)
    .map((rest) => rest.split('```')[0]!);

const statements = blocksOf('docs/guides/emit.md', 'sql');

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test.close());

it('the statements of docs/guides/emit.md work when typed in their order', async () => {
  const { workspaceId } = await aChannel(test.database);
  const role = `app_${new URL(test.url).pathname.slice(6)}`;
  const pg = postgres(test.url, { max: 1, onnotice: () => {} });
  await pg`
    insert into knockon.event_types (name, version, schema, source)
    values ('invoice.paid', 1, '{"type": "object", "required": ["invoice_id"]}', 'code')`;
  await pg.unsafe(`create role ${role}`);
  const typed = statements.map((text) =>
    text.replaceAll('WORKSPACE_ID', workspaceId).replaceAll('APPLICATION', role),
  );
  expect(typed).toHaveLength(4);
  for (const statement of typed) await pg.unsafe(statement);
  await pg`insert into invoices values ('44', ${workspaceId}, 900, null)`;
  await pg`update invoices set paid_at = now()`;
  await pg`update invoices set cents = 1`;
  const events = await pg`
    select key, seq::int, (payload ->> 'amount_cents')::int as cents from knockon.events
    where workspace_id = ${workspaceId} order by id`;
  expect(events.map(({ key, seq, cents }) => [key, seq, cents])).toEqual([
    ['invoice-42', 0, 500],
    ['invoice-42', 1, 500],
    ['invoice-43', 0, 700],
    ['invoice-44', 0, 900],
  ]);
  const [may] = await pg`select pg_has_role(${role}, 'knockon_emitter', 'member') as may`;
  expect(may).toEqual({ may: true });
  await pg.end();
});

/** As a process of its own has it, where nothing is declared yet. */
const freshPackage = async () => {
  vi.resetModules();
  return await import('../../../src/index.ts');
};

/** Runs a block, without its imports, and returns what it exports. */
async function typed(block: string, scope: Record<string, unknown>): Promise<unknown> {
  const names = [...block.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
  const code = block.replaceAll(/^import .*$/gm, '').replaceAll(/^export /gm, '');
  const made = new Function(
    ...Object.keys(scope),
    `return (async () => {${code}
    return ${names[0] ?? null}; })()`,
  );
  return await made(...Object.values(scope));
}

it('the TypeScript of README.md emits in the transaction of drizzle', async () => {
  const { pg, db } = test.database;
  const { workspaceId } = await aChannel(test.database);
  const invoices = pgTable('paid_invoices', { id: text(), paidAt: timestamp('paid_at') });
  await pg`create table public.paid_invoices (id text, paid_at timestamp)`;
  await pg`insert into public.paid_invoices values ('42')`;
  const { emit } = await freshPackage();
  const scope = { db, emit, eq, invoices, invoicePaid: 'invoice.paid', workspaceId };
  await typed(blocksOf('README.md', 'ts')[0]!, scope);
  const [invoice] = await pg`select paid_at is not null as paid from public.paid_invoices`;
  const [event] = await pg`
    select key, payload from knockon.events where workspace_id = ${workspaceId}`;
  expect(invoice).toEqual({ paid: true });
  expect(event).toMatchObject({ key: 'invoice-42', payload: { customer: 'ada' } });
});

it('the TypeScript of docs/guides/event-types.md declares a type, and reads its older events', async () => {
  const [first, second] = blocksOf('docs/guides/event-types.md', 'ts');
  await typed(first!, await freshPackage());
  const changed = await typed(second!, await freshPackage());
  const old = { invoice_id: 'in_42', amount_cents: 1900 };
  const { upcast } = changed as { upcast: (payload: object, version: number) => object };
  expect(upcast(old, 1)).toEqual({ invoice_id: 'in_42', amount: '19.00', currency: 'EUR' });
});
