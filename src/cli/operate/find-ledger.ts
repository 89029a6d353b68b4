import { useSchema } from '../../db/own-schema.ts';
import { readDatabaseSettings } from '../../settings/database.ts';
import { variablesOf } from '../../settings/problems.ts';
import { readTemporal } from '../../settings/temporal-profile.ts';
import type { TemporalServer } from '../../transport/temporal/transport.ts';
import { findUpFile, type Surroundings, type UpFile } from '../api/find-api.ts';
import { CommandError, EXIT } from '../terminal/output.ts';

export interface LedgerAddress {
  databaseUrl: string;
  /** KNOCKON_SCHEMA, where that is set. */
  schema?: string;
  temporal: TemporalServer | null;
  /** KNOCKON_DEPLOYMENT, where that is set. */
  deployment?: string;
  /** True where pg-boss has what is under way, in the same database. */
  operations?: true;
}

/**
 * Where the ledger is kept. The environment comes before up.json. From then on this process uses
 * the schema that is named there.
 *
 * @throws CommandError
 */
export function findLedger(
  surroundings: Surroundings = {},
  tell: (line: string) => void = () => {},
): LedgerAddress {
  const env = variablesOf(surroundings.env ?? process.env);
  const found = env.DATABASE_URL ? undefined : findUpFile(surroundings);
  const up = found?.up;
  if (found) tell(`DATABASE_URL is not set: using what \`npm start\` runs here (${found.path}).`);
  const databaseUrl = env.DATABASE_URL ?? up?.database_url;
  if (!databaseUrl) {
    throw new CommandError(
      'No database is known here: set DATABASE_URL, or start everything here with `npm start`.',
      EXIT.usage,
    );
  }
  const schema = env.KNOCKON_SCHEMA ?? up?.schema;
  const database = { databaseUrl, ...(schema && { schema }) };
  useSchema(schema);
  refuseMalformed({ DATABASE_URL: databaseUrl, KNOCKON_SCHEMA: schema });
  // `knockon up` names no Temporal where it has started none.
  if (env.KNOCKON_TRANSPORT === 'pg-boss' || up?.temporal_address === null)
    return { ...database, temporal: null, operations: true };
  const deployment = env.KNOCKON_DEPLOYMENT ?? up?.deployment;
  return { ...database, temporal: findTemporal(env, up), ...(deployment && { deployment }) };
}

/** @throws CommandError */
function refuseMalformed(given: NodeJS.ProcessEnv): void {
  try {
    readDatabaseSettings(given);
  } catch (error) {
    throw new CommandError((error as Error).message, EXIT.usage);
  }
}

/** Of what `knockon up` has started, it alone says where it is; no profile of the user's. */
function findTemporal(
  given: Record<string, string>,
  up: UpFile | undefined,
): TemporalServer | null {
  if (up?.temporal_address && !given.TEMPORAL_ADDRESS)
    return { address: up.temporal_address, namespace: up.temporal_namespace ?? 'default' };
  try {
    const { address, namespace = 'default', ...how } = readTemporal(given);
    return address ? { ...how, address, namespace } : null;
  } catch (error) {
    throw new CommandError(
      error instanceof Error ? error.message.split('\n')[0]! : String(error),
      EXIT.usage,
    );
  }
}
