import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';

const page = readFileSync(new URL('../../../docs/guides/emit.md', import.meta.url), 'utf8');
const statements = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, text = '']) => text);

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
