import { z } from 'zod';
import { isSchemaName, OWN_SCHEMA } from '../db/own-schema.ts';
import { database } from './foundation.ts';
import { cantBeUsed, problemOf, variablesOf } from './problems.ts';

const schema = z.object({
  DATABASE_URL: database.DATABASE_URL.schema(z),
  KNOCKON_DATABASE_DIRECT_URL: database.KNOCKON_DATABASE_DIRECT_URL.schema(z),
  KNOCKON_SCHEMA: database.KNOCKON_SCHEMA.schema(z),
});

/**
 * Reads what says where the database is, and nothing else. @throws ConfigError with a line for each
 * variable that is missing or malformed
 */
export function readDatabaseSettings(env: NodeJS.ProcessEnv): z.output<typeof schema> {
  const given = variablesOf(env);
  const { data, error } = schema.safeParse(given);
  const problems = [...otherSchema(given)];
  if (data && problems.length === 0) return data;
  for (const { path, message } of error?.issues ?? []) {
    const name = path[0] as keyof typeof database;
    problems.push(problemOf(name, given[name], given[name] ? message : database[name].must));
  }
  throw cantBeUsed(problems);
}

/** A process has the schema that it was started with: statements are made with it. */
export function otherSchema({ KNOCKON_SCHEMA: named }: Record<string, string>): string[] {
  if (named === undefined || named === OWN_SCHEMA || !isSchemaName(named)) return [];
  return [
    `KNOCKON_SCHEMA is "${named}", and this process was started with "${OWN_SCHEMA}": ` +
      'it must be in the environment when the process starts',
  ];
}
