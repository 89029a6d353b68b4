import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { Database } from '../db/client.ts';
import type { Config } from '../settings/config.ts';
import { retryUntilAvailable, type ShutdownStack } from './process/process.ts';

type Known = Pick<Config, 'KNOCKON_DEPLOYMENT' | 'KNOCKON_TRANSPORT'>;

/**
 * Writes into the database what SQL must know of the settings: which queues a subscriber's calls
 * are on, and whether there is a Temporal at all. In the background, until it is done or the
 * process stops.
 */
export function beginNotingDeployment(
  config: Known,
  { database: { pg }, log }: { database: Database; log: Logger },
  started: ShutdownStack,
): void {
  let isStopped = false;
  started.add(pg, () => {
    isStopped = true;
  });
  const note = () => noteDeployment(pg, config);
  retryUntilAvailable('Postgres does not answer', note, log, () => !isStopped).then(
    (unserved) => tell(unserved, log),
    (err) => {
      if (!isStopped) log.error({ err }, 'the settings that SQL must know could not be written');
    },
  );
}

/** @returns names of the subscribers that nobody can serve on this transport */
export async function noteDeployment(
  pg: Sql,
  { KNOCKON_DEPLOYMENT, KNOCKON_TRANSPORT: transport }: Known,
): Promise<string[]> {
  const name = KNOCKON_DEPLOYMENT ?? null;
  await pg`update knockon.deployment set name = ${name}, transport = ${transport}
    where name is distinct from ${name}::text or transport is distinct from ${transport}::text`;
  if (transport === 'temporal') return [];
  const rows = await pg<{ name: string }[]>`
    select name from knockon.subscribers where host = 'worker' and retired_at is null order by 1`;
  return rows.map((row) => row.name);
}

function tell(unserved: string[], log: Logger): void {
  if (unserved.length === 0) return;
  log.error(
    { subscribers: unserved },
    'Temporal workers of your own do the work of these, and this deployment runs on pg-boss: ' +
      'their events wait. Set KNOCKON_TRANSPORT=temporal, or `knockon retire NAME`',
  );
}
