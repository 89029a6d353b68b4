import { readFileSync } from 'node:fs';
import type { Sql } from 'postgres';

interface Journal {
  entries: { when: number; tag: string }[];
}

/** This version's migrations, in their order, against those that the database has had. */
export interface Migrations {
  /** Names of those that it lacks. */
  pending: string[];
  /** How many it has had of a newer version. */
  unknown: number;
  applied: number;
}

/** @throws where the database does not answer */
export async function compareMigrations(sql: Sql): Promise<Migrations> {
  const { entries } = JSON.parse(readFileSync(new URL('../../drizzle/meta/_journal.json', import.meta.url), 'utf8')) as Journal;
  const [there] = await sql<{ table: string | null }[]>`select to_regclass('drizzle.__drizzle_migrations')::text as table`;
  const rows = there?.table ? await sql<{ at: number }[]>`select created_at::float8 as at from drizzle.__drizzle_migrations` : [];
  const latest = Math.max(0, ...rows.map(({ at }) => at));
  const newest = Math.max(...entries.map(({ when }) => when));
  return {
    // As drizzle decides it: what is later than the latest that was applied.
    pending: entries.filter(({ when }) => when > latest).map(({ tag }) => tag),
    unknown: rows.filter(({ at }) => at > newest).length,
    applied: rows.length,
  };
}
