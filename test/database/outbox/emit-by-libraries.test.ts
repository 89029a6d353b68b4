import knexOf from 'knex';
import {
  CamelCasePlugin,
  Kysely,
  type KyselyPlugin,
  ParseJSONResultsPlugin,
  PostgresDialect,
} from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type DomainEvent, defineEvent } from '../../../src/events/index.ts';
import { registerEventTypes } from '../../../src/events/register.ts';
import { type AnyTransaction, EmitError, emit } from '../../../src/outbox/emit.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { type Library, libraries } from '../../harness/libraries.ts';
import { aChannel } from '../../harness/messaging.ts';

const invoicePaid = defineEvent('invoice.paid', {
  payload: z.object({ number: z.number().int(), note: z.string() }),
});
let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await freshDatabase();
  ({ workspaceId } = await aChannel(test.database));
  await registerEventTypes(test.database.pg);
  await test.database.pg`create table public.invoices (id text primary key)`;
});
afterAll(() => test.close());

/** What these hand out goes on to work after the transaction, as if it were in none. */
const knowNoEnd = ['drizzle on postgres.js', 'drizzle on pg', 'postgres.js', 'pg'];

const TRANSACTIONS = 12;
const logOf = (key: string) =>
  test.database.pg<{ id: string; seq: string; number: number }[]>`
    select id, seq, (payload ->> 'number')::int as number from knockon.events
    where key = ${key} order by seq`;

/** Gives each row's members other names, as applications have libraries do. */
const inCamelCase = (result: { rows?: Record<string, unknown>[] }) => ({
  ...result,
  rows: result.rows?.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [`its${name.replaceAll('_', '')}`, value]),
    ),
  ),
});

const onPostgresJs = (transform: object) => async (url: string, emitting: Emitting) => {
  const client = postgres(url, { max: 1, transform });
  return await client.begin(emitting).finally(() => client.end());
};

const onKysely = (plugin: KyselyPlugin) => async (url: string, emitting: Emitting) => {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }), plugins: [plugin] });
  return await db
    .transaction()
    .execute(emitting)
    .finally(() => db.destroy());
};

/** Makes of a text what it is as JSON, numbers and quoted texts included. */
function parsed(value: unknown): unknown {
  try {
    return JSON.parse(value as string);
  } catch {
    return value;
  }
}

type Emitting = (tx: AnyTransaction) => Promise<DomainEvent & { deliver_at?: string }>;

it.each<[string, (url: string, emitting: Emitting) => Promise<unknown>]>([
  ['postgres.camel', onPostgresJs(postgres.camel)],
  ['postgres.pascal', onPostgresJs(postgres.pascal)],
  ['postgres.kebab', onPostgresJs(postgres.kebab)],
  ['texts as JSON in postgres.js', onPostgresJs({ value: { from: parsed } })],
  ['CamelCasePlugin of Kysely', onKysely(new CamelCasePlugin())],
  ['ParseJSONResultsPlugin of Kysely', onKysely(new ParseJSONResultsPlugin())],
  [
    'postProcessResponse of Knex',
    async (url, emitting) => {
      const db = knexOf({ client: 'pg', connection: url, postProcessResponse: inCamelCase });
      return await db.transaction(emitting).finally(() => db.destroy());
    },
  ],
])('%s changes nothing of what emit returns', async (_, begin) => {
  const event = { type: invoicePaid, workspaceId, payload: { number: 1, note: '' } };
  const deliverAt = new Date(Date.now() + 86_400_000);
  const key = 'its invoice_number';
  const now = await begin(test.url, (tx) => emit(tx, { ...event, key }));
  const then = await begin(test.url, (tx) => emit(tx, { ...event, deliverAt }));
  expect(now).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), version: 1, key });
  expect(now).toMatchObject({ seq: expect.any(Number), timestamp: expect.stringMatching(/Z$/) });
  expect(now).not.toHaveProperty('deliver_at');
  expect(then).toMatchObject({ seq: null, key: null, deliver_at: deliverAt.toISOString() });
});

describe.each(Object.entries(libraries))('emitting in a transaction of %s', (name, open) => {
  let library: Library;
  const key = `invoice of ${name}`;

  beforeAll(async () => {
    library = await open(test.url);
  });
  afterAll(() => library.close());

  const emitting = (tx: AnyTransaction, number: number) =>
    emit(tx, {
      type: invoicePaid,
      workspaceId,
      key,
      payload: { number, note: 'What? $1 :id \\u0000 “quoted”' },
    });

  it('emits exactly what commits, without gaps and in the order of commits', async () => {
    const committed: DomainEvent[] = [];
    for (let number = 0; number < TRANSACTIONS; number++) {
      let event: DomainEvent | undefined;
      const ending = library.begin(async (tx) => {
        await library.insert(tx as never, `${name} ${number}`);
        event = await emitting(tx, number);
        if (number % 2 === 1) throw new Error('changed my mind');
      });
      if (number % 2 === 1) await expect(ending).rejects.toThrow('changed my mind');
      else await ending.then(() => committed.push(event!));
    }
    expect(await logOf(key)).toEqual(
      committed.map(({ id, seq, payload }) => ({
        id,
        seq: String(seq),
        number: payload['number'],
      })),
    );
    expect(committed.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(committed[0]).toMatchObject({ type: 'invoice.paid', version: 1, key, channel_id: null });
    expect(committed[0]?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const [row] = await test.database.pg`
      select count(*)::int as invoices from public.invoices where id like ${`${name} %`}`;
    expect(row?.['invoices']).toBe(committed.length);
  });

  it('says what to do where the database refuses the event', async () => {
    const refused = await library
      .begin(async (tx) => {
        await emit(tx, { type: 'invoice.payed', workspaceId, payload: {} });
      })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EmitError);
    expect(refused).toMatchObject({
      code: 'KN001',
      message: expect.stringMatching(
        /^the event type "invoice.payed" is not declared\. .*invoice.paid/,
      ),
      detail: expect.stringContaining('knockon.event_types'),
      hint: expect.stringContaining('defineEvent'),
    });
  });

  it('says that the transaction has ended, where its library knows', async () => {
    let left: AnyTransaction | undefined;
    await library.begin(async (tx) => {
      left = tx;
      await library.insert(tx as never, `${name}, ended`);
    });
    const emitted = await emitting(left!, 100).catch((error: Error) => error);
    if (knowNoEnd.includes(name)) expect(emitted).toMatchObject({ type: 'invoice.paid' });
    else expect(emitted).toBeInstanceOf(EmitError);
  });

  it('says that the transaction is aborted, and that it is over', async () => {
    let left: AnyTransaction | undefined;
    await library
      .begin(async (tx) => {
        left = tx;
        await emit(tx, { type: 'invoice.payed', workspaceId, payload: {} }).catch(() => {});
        await expect(emitting(tx, -1)).rejects.toThrow(
          /^the transaction is aborted, because an earlier/,
        );
        throw new Error('rolled back');
      })
      .catch((error: Error) => expect(error.message).toBe('rolled back'));
    await library.close();
    await expect(emitting(left!, -1)).rejects.toThrow(
      /connection is closed, or the transaction is over/,
    );
    library = await open(test.url);
  });
});
