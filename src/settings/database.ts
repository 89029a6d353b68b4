import { z } from 'zod';
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
  if (data) return data;
  const problems = error.issues.map(({ path }) => {
    const name = path[0] as keyof typeof database;
    return problemOf(name, given[name], database[name].must);
  });
  throw cantBeUsed(problems);
}
