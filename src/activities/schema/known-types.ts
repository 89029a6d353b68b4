import { sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Transaction } from '../../db/client.ts';
import { checkOf, type KnownEventType } from '../../events/registry.ts';
import { fieldNames, type JsonSchema } from '../../events/schema/keywords.ts';

/** Versions of types that are kept compiled. */
const KEPT = 100;

/** Reads the versions of event types within the transaction of a call. */
export class KnownTypes {
  readonly #kept = new LRUCache<string, KnownEventType>({ max: KEPT });

  /** These versions of a type and its newest, in that order. */
  async read(tx: Transaction, name: string, versions: number[]): Promise<KnownEventType[]> {
    const rows = await tx.execute<{ version: number; schema: JsonSchema }>(sql`
      select version, schema from knockon.event_types where name = ${name}
        and (version = any(${sql.param(versions)}::int[]) or version = (
          select max(version) from knockon.event_types where name = ${name}))
      order by version`);
    return rows.map(({ version, schema }) => this.#compiled(name, version, schema));
  }

  #compiled(name: string, version: number, schema: JsonSchema): KnownEventType {
    const key = `${name}@${version}`;
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const known = { name, version, check: checkOf(schema), names: fieldNames(schema) };
    this.#kept.set(key, known);
    return known;
  }
}
