import postgres from 'postgres';
import { migrate } from '../../src/db/migrate.ts';
import { makeSightings } from '../order/effect.ts';
import { servers } from './company.ts';
import { Part, type Script } from './part.ts';
import type { Stage } from './stage.ts';
import type { Watchdog } from './watchdog.ts';

/** Everything that is to be ended, however the run ends. */
export interface Cast {
  parts: Part[];
  watchdog: Watchdog;
}

interface Ours {
  /** Our own processes. */
  processes: Script[];
  tell: (line: string) => void;
}

/** The servers first, then a database, then our own. */
export async function bringUp(
  stage: Stage,
  { parts, watchdog }: Cast,
  { processes, tell }: Ours,
): Promise<void> {
  const begin = async (scripts: Script[]) => {
    const own = scripts.map((script) => new Part(script, watchdog, tell));
    parts.push(...own);
    await Promise.all(own.map((part) => part.up()));
  };
  tell('bringing everything up');
  await begin(await servers(stage, tell));
  await makeDatabase(stage);
  await begin(processes);
}

async function makeDatabase({ databaseUrl }: Stage): Promise<void> {
  const admin = postgres(databaseUrl.replace(/knockon$/, 'postgres'), {
    max: 1,
    onnotice: () => {},
  });
  await admin`create database knockon`;
  await admin.end();
  await migrate(databaseUrl);
  const client = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await makeSightings(client);
  await client.end();
}

/** Ours first, then what they need. */
export async function takeDown({ parts, watchdog }: Cast): Promise<void> {
  const isServer = (part: Part) => part.name === 'postgres' || part.name === 'temporal';
  await Promise.all(parts.filter((part) => !isServer(part)).map((part) => part.stop()));
  await Promise.all(parts.filter(isServer).map((part) => part.stop()));
  watchdog.dismiss();
}
