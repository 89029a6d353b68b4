import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/db/migrate.ts';
import { type Ground, look } from '../ground.ts';
import { ourTemporal } from '../servers/temporal.ts';
import type { Contestant, Entrant } from './contestant.ts';
import { bySql, type EventSource, makeOwnTables, overHttp } from './events.ts';
import { KnockonEntrant } from './knockon-entrant.ts';

/** As `knockon up` has it for its own. */
const arena = { MALLOC_ARENA_MAX: '2' };

/** What a killed API had claimed and not started is taken over after 15 s. */
const patience = 40_000;

/**
 * API with its dispatcher, workflow worker, and an effect worker with six effects that do what the
 * peers' do.
 */
export const knockonAll: Contestant = {
  name: 'knockon',
  title: 'Knock-on',
  effects: 6,
  patience,
  enter: (ground) => enter(ground, 'knockon', own()),
};

/**
 * Everything as `npm start` runs it. Its effects do more than the peers': they index, chain hashes,
 * count, look for mentions.
 */
export const knockonShipped: Contestant = {
  name: 'knockon-shipped',
  title: 'Knock-on, the six it ships',
  effects: 6,
  patience,
  enter: (ground) => enter(ground, 'knockon_shipped'),
};

/**
 * `knockon api` as it ships, key, checks and dispatcher included, where all workers have been
 * stopped.
 */
export const knockonApi: Contestant = {
  name: 'knockon-api',
  title: 'Knock-on, workers stopped',
  effects: 0,
  async enter(ground) {
    const entrant = await enter(ground, 'workers_stopped');
    await entrant.stopWorkers();
    await entrant.startApi();
    return entrant;
  },
};

/** Six effects in order by key. */
export const knockonOrdered: Contestant = {
  name: 'knockon-ordered',
  title: "Knock-on, `ordering: 'key'`",
  effects: 6,
  enter: (ground) => enter(ground, 'knockon_ordered', own('key')),
};

/** As `knockon`, with `POST /v1/events` in place of messages. */
export const knockonEvents: Contestant = {
  name: 'knockon-events',
  title: 'Knock-on, events over HTTP',
  effects: 6,
  patience,
  enter: (ground) => enter(ground, 'knockon_events', { ...own(), source: overHttp }),
};

/** As `knockon`, with an application's own API that emits in SQL over eight connections. */
export const knockonSql: Contestant = {
  name: 'knockon-sql',
  title: 'Knock-on, events by SQL',
  effects: 6,
  patience,
  // Its backlog would be one of the application's.
  backlog: 0,
  enter: (ground) => enter(ground, 'knockon_sql', { ...own(), source: bySql }),
};

/** As `knockon`, with six HTTP subscribers in place of the effects: one service, 500 a request. */
export const knockonHttp: Contestant = {
  name: 'knockon-http',
  title: 'Knock-on, HTTP subscribers',
  effects: 6,
  patience,
  enter: (ground) => enter(ground, 'knockon_http', { worker: httpWorker }),
};

/** The same, beside a seventh that takes every request and never answers. */
export const knockonHttpHanging: Contestant = {
  ...knockonHttp,
  name: 'knockon-http-hanging',
  title: 'the same, beside one that hangs',
  enter: (ground) =>
    enter(ground, 'knockon_http_hanging', { worker: httpWorker, env: { HANGING: 'yes' } }),
};

const program = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Hosts six HTTP subscribers that do what the peers' effects do. */
const httpWorker = program('../peers/knockon/http-worker.js');

/** Six effects that do what the peers' do. */
const own = (ordering: 'none' | 'key' = 'none'): Entering => ({
  worker: program('../peers/knockon/worker.js'),
  env: { ORDERING: ordering },
});

interface Entering {
  /** Hosts effects in place of those that ship. */
  worker?: string;
  source?: EventSource;
  env?: NodeJS.ProcessEnv;
}

async function enter(
  ground: Ground,
  name: string,
  { worker, source, env: more }: Entering = {},
): Promise<Entrant> {
  const database = await ground.database(name);
  await migrate(database);
  const pg = look(database);
  if (source?.application) await makeOwnTables(pg);
  const temporal = await ourTemporal(ground);
  const adminKey = randomBytes(24).toString('hex');
  const env = {
    ...arena,
    ...temporal.env,
    DATABASE_URL: database,
    KNOCKON_SECRET: randomBytes(24).toString('hex'),
    KNOCKON_ADMIN_KEY: adminKey,
    KNOCKON_PORT: '0',
    KNOCKON_DRAIN: '0s',
    LOG_LEVEL: 'info',
    ...more,
    ...(source && { EVENT_TYPE: source.type }),
  };
  const entrant = new KnockonEntrant({
    pg,
    temporal,
    env,
    effectWorker: worker,
    source,
  });
  await entrant.startWorkers();
  await entrant.startApi();
  return Object.assign(entrant, {
    async stop() {
      await entrant.end();
      await temporal.stop();
      await ground.drop(name);
    },
  });
}
