import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm/sql/sql';

// Structural types: `emit` imports none of these libraries, and takes any version that has these
// functions. `never` accepts functions of whatever arguments.

/** drizzle, on any driver and with any schema. */
interface DrizzleTransaction {
  execute(query: never): unknown;
}

/** postgres.js: what `sql.begin` hands out, or `sql` itself. */
interface PostgresJsTransaction {
  unsafe(text: never, values: never): unknown;
}

/** `pg`: a client. TypeORM: an EntityManager or a QueryRunner. */
interface PgTransaction {
  query(text: never, values: never): unknown;
}

/** Kysely: a `Transaction`, or `Kysely` itself. */
interface KyselyTransaction {
  executeQuery(query: never): unknown;
}

/** Knex: a `Transaction`, or `Knex` itself. */
interface KnexTransaction {
  raw(text: never, values: never): unknown;
}

/** Prisma: what `$transaction` hands out. */
interface PrismaTransaction {
  $queryRawUnsafe(text: never, ...values: never[]): unknown;
}

/** A transaction of one of the libraries that `emit` knows. */
export type AnyTransaction =
  | DrizzleTransaction
  | PostgresJsTransaction
  | PgTransaction
  | KyselyTransaction
  | KnexTransaction
  | PrismaTransaction;

export type Row = Record<string, unknown>;

type Send = (text: string, value: string) => unknown;

/**
 * How each library runs a statement with one value, by the function that tells it. Asked in this
 * order: drizzle has an object `query`.
 */
const libraries: [name: string, sender: (run: (...args: unknown[]) => unknown) => Send][] = [
  ['unsafe', (unsafe) => (text, value) => unsafe(text, [value])],
  ['$queryRawUnsafe', (queryRaw) => (text, value) => queryRaw(text, value)],
  ['executeQuery', (executeQuery) => (text, value) => executeQuery(compiled(text, value))],
  ['raw', (raw) => (text, value) => raw(text.replace('$1', '?'), [value])],
  ['execute', (execute) => (text, value) => execute(template(text, value))],
  ['query', (query) => (text, value) => query(text, [value])],
];

/** A statement as Kysely compiles it. */
const compiled = (text: string, value: string) => ({
  sql: text,
  parameters: [value],
  query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
  queryId: { queryId: randomUUID() },
});

/** A statement as drizzle takes it. */
function template(text: string, value: string) {
  const [before = '', after = ''] = text.split('$1');
  return sql`${sql.raw(before)}${value}${sql.raw(after)}`;
}

/**
 * Runs a statement in a transaction of whichever library.
 *
 * @param text has one parameter, `$1`
 * @throws TypeError where it is none that we know; else what the library throws
 */
export async function runIn(tx: AnyTransaction, text: string, value: string): Promise<Row[]> {
  const result = await senderOf(tx)(text, value);
  return Array.isArray(result) ? (result as Row[]) : (result as { rows: Row[] }).rows;
}

function senderOf(tx: AnyTransaction): Send {
  const members = Object(tx) as Record<string, unknown>;
  for (const [name, sender] of libraries) {
    const run = members[name];
    if (typeof run === 'function') return sender((...args) => Reflect.apply(run, tx, args));
  }
  throw new TypeError(
    'the first argument is no transaction: pass one of drizzle, postgres.js, pg, Kysely, Knex, ' +
      'Prisma or TypeORM',
  );
}
