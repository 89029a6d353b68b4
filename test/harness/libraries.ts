import { PrismaPg } from '@prisma/adapter-pg';
import { type GetPrismaClientConfig, getPrismaClient } from '@prisma/client/runtime/client';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import knexOf from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { DataSource } from 'typeorm';
import type { AnyTransaction } from '../../src/outbox/emit.ts';

/** An application's table, in its own schema. */
const invoices = pgTable('invoices', { id: text().primaryKey() });

/**
 * Something that ends transactions: it commits what `work` returns from, and rolls back a throw.
 */
export interface Library {
  /** Runs `work` in a transaction of the library. */
  begin(work: (tx: AnyTransaction) => Promise<void>): Promise<unknown>;
  /** Inserts an invoice in that transaction, as the library does it. */
  insert(tx: never, id: string): Promise<unknown>;
  close(): Promise<unknown>;
}
const INSERT = 'insert into public.invoices (id) values ($1)';

/** Libraries with which applications use Postgres, each on an application's table `invoices`. */
export const libraries: Record<string, (url: string) => Promise<Library> | Library> = {
  'drizzle on postgres.js'(url) {
    const client = postgres(url, { max: 2, onnotice: () => {} });
    const db = drizzleOnPostgresJs({ client, schema: { invoices } });
    return {
      begin: (work) => db.transaction(work),
      insert: (tx: Parameters<Parameters<typeof db.transaction>[0]>[0], id) =>
        tx.insert(invoices).values({ id }),
      close: () => client.end(),
    };
  },
  'drizzle on pg'(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const db = drizzleOnPg({ client: pool, schema: { invoices } });
    return {
      begin: (work) => db.transaction(work),
      insert: (tx: Parameters<Parameters<typeof db.transaction>[0]>[0], id) =>
        tx.execute(drizzleSql`insert into public.invoices (id) values (${id})`),
      close: () => pool.end(),
    };
  },
  'postgres.js'(url) {
    const client = postgres(url, { max: 2, onnotice: () => {} });
    return {
      begin: (work) => client.begin(work),
      insert: (tx: postgres.TransactionSql, id) => tx`insert into public.invoices values (${id})`,
      close: () => client.end(),
    };
  },
  pg(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    return {
      async begin(work) {
        const client = await pool.connect();
        try {
          await client.query('begin');
          await work(client);
          await client.query('commit');
        } catch (error) {
          await client.query('rollback');
          throw error;
        } finally {
          client.release();
        }
      },
      insert: (tx: pg.PoolClient, id) => tx.query(INSERT, [id]),
      close: () => pool.end(),
    };
  },
  Kysely(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const db = new Kysely<{ invoices: { id: string } }>({ dialect: new PostgresDialect({ pool }) });
    return {
      begin: (work) => db.transaction().execute(work),
      insert: (tx: typeof db, id) => tx.insertInto('invoices').values({ id }).execute(),
      close: () => db.destroy(),
    };
  },
  Knex(url) {
    const db = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    return {
      begin: (work) => db.transaction(work),
      insert: (tx: typeof db, id) => tx('invoices').insert({ id }),
      close: () => db.destroy(),
    };
  },
  Prisma(url) {
    const Client = getPrismaClient(prismaConfig);
    const db = new Client({ adapter: new PrismaPg({ connectionString: url, max: 2 }) });
    return {
      begin: (work) => db.$transaction(work),
      insert: (tx: { $executeRawUnsafe(text: string, id: string): Promise<number> }, id) =>
        tx.$executeRawUnsafe(INSERT, id),
      close: () => db.$disconnect(),
    };
  },
  async TypeORM(url) {
    const source = await new DataSource({ type: 'postgres', url, poolSize: 2 }).initialize();
    return {
      begin: (work) => source.transaction(work),
      insert: (tx: typeof source.manager, id) => tx.query(INSERT, [id]),
      close: () => source.destroy(),
    };
  },
  async 'TypeORM with a QueryRunner'(url) {
    const source = await new DataSource({ type: 'postgres', url, poolSize: 2 }).initialize();
    return {
      async begin(work) {
        const runner = source.createQueryRunner();
        await runner.startTransaction();
        try {
          await work(runner);
          await runner.commitTransaction();
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        } finally {
          await runner.release();
        }
      },
      insert: (tx: ReturnType<typeof source.createQueryRunner>, id) => tx.query(INSERT, [id]),
      close: () => source.destroy(),
    };
  },
};

/** Its modules have no types. */
const PRISMA_COMPILER = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';

/**
 * What `prisma generate` makes of a schema without models: generating it anew needs a program that
 * is downloaded.
 */
const prismaConfig: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '0edf323efd1d98336f3f0a68684b56f689b900d3',
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: () => import(`${PRISMA_COMPILER}.mjs`),
    async getQueryCompilerWasmModule() {
      const { wasm } = await import(`${PRISMA_COMPILER}.wasm-base64.mjs`);
      return await Reflect.get(globalThis, 'WebAssembly').compile(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_fast_bg.js',
  },
};
