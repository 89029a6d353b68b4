import postgres, { type Sql } from 'postgres';
import { migrate } from '../../src/db/migrate.ts';
import { makePostings } from '../http-service/postings.ts';
import { makeSightings } from '../order/effect.ts';
import { serverSpecs } from './deployment.ts';
import { ManagedProcess, type ProcessSpec } from './managed-process.ts';
import type { RunFolder } from './run-folder.ts';
import type { Watchdog } from './watchdog.ts';

/** Everything that is to be ended, however the run ends. */
export interface StartedProcesses {
  parts: ManagedProcess[];
  watchdog: Watchdog;
}

interface Ours {
  /** Our own processes. */
  processes: ProcessSpec[];
  tell: (line: string) => void;
}

/** The servers first, then a database, then our own. */
export async function startAll(
  stage: RunFolder,
  { parts, watchdog }: StartedProcesses,
  { processes, tell }: Ours,
): Promise<void> {
  const begin = async (scripts: ProcessSpec[]) => {
    const own = scripts.map((script) => new ManagedProcess(script, watchdog, tell));
    parts.push(...own);
    await Promise.all(own.map((part) => part.untilUp()));
  };
  tell('bringing everything up');
  await begin(await serverSpecs(stage, tell));
  await makeDatabase(stage);
  await begin(processes);
}

async function makeDatabase({ databaseUrl }: RunFolder): Promise<void> {
  const admin = postgres(databaseUrl.replace(/knockon$/, 'postgres'), {
    max: 1,
    onnotice: () => {},
  });
  await admin`create database knockon`;
  await admin.end();
  await migrate(databaseUrl);
  const client = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await makeSightings(client);
  await makeTallies(client);
  await makePostings(client);
  await client.end();
}

/** What the effect of `chaos/own-effects` writes. It is an application's, so not in our schema. */
export async function makeTallies(client: Sql): Promise<void> {
  await client`
    create table public.tallies (place bigint generated always as identity primary key,
      workspace_id uuid not null, key text not null, event_id uuid not null, seq bigint not null)`;
}

/** Ours first, then what they need. */
export async function stopAll({ parts, watchdog }: StartedProcesses): Promise<void> {
  const isServer = (part: ManagedProcess) => part.name === 'postgres' || part.name === 'temporal';
  await Promise.all(parts.filter((part) => !isServer(part)).map((part) => part.stop()));
  await Promise.all(parts.filter(isServer).map((part) => part.stop()));
  watchdog.dismiss();
}
