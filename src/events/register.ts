import { isDeepStrictEqual } from 'node:util';
import type { Sql, TransactionSql } from 'postgres';
import { declaredTypes, EventSchemaError, type EventType } from './catalogue.ts';
import { explainIssues } from './issue.ts';
import { schemaIssues } from './schema/schema-issues.ts';

/** Told whenever a row of `event_types` was written. */
export const EVENT_TYPES_CHANNEL = 'knockon_event_types';

type Queries = Sql | TransactionSql;

/** What of a row is compared with the code. */
interface Row {
  name: string;
  version: number;
  description: string;
  schema: unknown;
  examples: unknown;
  source: string;
}

/**
 * Writes the declared event types as rows, so that every language and the HTTP API know them. Each
 * process does so when it starts, however many there are. A row's schema never changes: a process
 * of an older version of the code undoes nothing.
 *
 * @param types default: all that have been declared
 * @returns sentences for the log: types whose schema in the code is not that of their row
 * @throws EventSchemaError where a schema can't be used; Postgres' error
 */
export async function registerEventTypes(
  pg: Queries,
  types: EventType[] = declaredTypes(),
): Promise<string[]> {
  const rows = await readRows(pg, types);
  const rowOf = ({ name, version }: EventType) =>
    rows.find((row) => row.name === name && row.version === version);
  const told = types.filter((type) => !isWritten(type, rowOf(type)));
  const conflicts = told.filter((type) => hasOtherSchema(type, rowOf(type)));
  const write = told.filter((type) => !conflicts.includes(type));
  for (const type of write) if (!rowOf(type)) checkSchema(type);
  if (write.length > 0) await writeRows(pg, write);
  return conflicts.map(explainConflict);
}

const readRows = async (pg: Queries, types: EventType[]): Promise<Row[]> =>
  await pg<Row[]>`
    select name, version, description, schema, examples, source from knockon.event_types
    where name in (
      select jsonb_array_elements_text(${pg.json(types.map(({ name }) => name))}::jsonb))`;

/** As it is written: JSON knows no undefined. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const hasOtherSchema = ({ schema }: EventType, row: Row | undefined): boolean =>
  row !== undefined && !isDeepStrictEqual(row.schema, asJson(schema));

const isWritten = (type: EventType, row: Row | undefined): boolean =>
  row !== undefined &&
  !hasOtherSchema(type, row) &&
  row.source === 'code' &&
  row.description === type.description &&
  isDeepStrictEqual(row.examples, asJson(type.examples));

/** @throws EventSchemaError */
function checkSchema({ name, schema }: EventType): void {
  const issues = schemaIssues(asJson(schema));
  if (issues.length > 0)
    throw new EventSchemaError(
      `event "${name}": its schema is refused: ${explainIssues(issues, 'it')}`,
    );
}

/** Others may write the same at the same moment: in one order, and what is there stays. */
async function writeRows(pg: Queries, types: EventType[]): Promise<void> {
  const rows = types
    .map(({ name, version, description, schema, examples }) => ({
      name,
      version,
      description,
      schema,
      examples,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  await pg`
    insert into knockon.event_types as t (name, version, description, schema, examples, source)
    select name, version, description, schema, examples, 'code'
    from jsonb_to_recordset(${pg.json(rows as never)}::jsonb)
      as r (name text, version smallint, description text, schema jsonb, examples jsonb)
    order by name
    on conflict (name, version) do update
      set description = excluded.description, examples = excluded.examples, source = 'code'
      where t.schema = excluded.schema`;
  await pg`select pg_notify(${EVENT_TYPES_CHANNEL}, '')`;
}

const explainConflict = ({ name, version }: EventType): string =>
  `event "${name}": the code has another schema for version ${version} than the database. ` +
  'Events that come by SQL and HTTP are still checked against the latter. ' +
  `A changed schema needs the next version: declare it with version: ${version + 1}`;
