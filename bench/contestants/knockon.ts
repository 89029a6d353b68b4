import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { Sql } from 'postgres';
import { migrate } from '../../src/db/migrate.ts';
import { type Forked, forkProcess, knockon } from '../child.ts';
import { type Ground, look } from '../ground.ts';
import { type Journey, journeyOf, type Times } from '../idle/journey.ts';
import { load } from '../load.ts';
import { ourTemporal } from '../servers/temporal.ts';
import { shapes } from '../shapes.ts';
import type { Contestant, Entrant } from './contestant.ts';
import type { Servers } from './peer.ts';
import { messageRequests, openWorkspace, post, type Workspace } from './workspace.ts';

/** As `knockon up` starts its own. */
const flags = ['--max-old-space-size=512', '--max-semi-space-size=8'];
const arena = { MALLOC_ARENA_MAX: '2' };

/** Everything as `npm start` runs it: API with its dispatcher, workflow worker, effect worker with its six effects. */
export const knockonAll: Contestant = {
  name: 'knockon',
  title: 'Knock-on, six effects',
  effects: 6,
  // What a killed API had claimed and not started is taken over after 15 s.
  patience: 40_000,
  enter: (ground) => enter(ground, 'knockon'),
};

/** `knockon api` as it ships, key, checks and dispatcher included, where all workers have been stopped. */
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

async function enter(ground: Ground, name: string): Promise<Entrant> {
  const database = await ground.database(name);
  await migrate(database);
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
    LOG_LEVEL: 'error',
  };
  const entrant = new KnockonEntrant(look(database), temporal, env);
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

class KnockonEntrant implements Omit<Entrant, 'stop'> {
  readonly #sql: Sql;
  readonly #temporal: Servers;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running = new Map<string, Forked>();
  #workspace: Workspace | undefined;

  constructor(sql: Sql, temporal: Servers, env: NodeJS.ProcessEnv) {
    this.#sql = sql;
    this.#temporal = temporal;
    this.#env = env;
  }

  get url() {
    return this.#running.get('api')!.url;
  }

  get apiPid() {
    return this.#running.get('api')!.pid;
  }

  requests(shape: { workspaces: number; channels: number }) {
    return messageRequests(this.url, this.#env.KNOCKON_ADMIN_KEY!, shape);
  }

  async watch() {
    const sql = this.#sql;
    const [{ mark }] = await sql<[{ mark: string }]>`select uuidv7() as mark`;
    const count = async (rows: Promise<{ count: number }[]>) => (await rows)[0]!.count;
    return {
      messages: () => count(sql<{ count: number }[]>`select count(*)::int from events where id > ${mark} and type = 'message.created'`),
      effects: () => count(sql<{ count: number }[]>`select count(*)::int from receipts where event_id > ${mark}`),
    };
  }

  async post() {
    this.#workspace ??= await openWorkspace(this.url, this.#env.KNOCKON_ADMIN_KEY!);
    const { url, api_key, channel } = this.#workspace;
    const message = { author: 'ada', text: 'is anybody there?' };
    return (await post<{ event_id: string }>(`${url}/v1/channels/${await channel()}/messages`, api_key, message)).event_id;
  }

  async happened(event: string) {
    const [row] = await this.#sql<[{ count: number }]>`select count(*)::int from receipts where event_id = ${event}`;
    return row.count;
  }

  async journey(event: string, times: Times): Promise<Journey> {
    const connection = await Connection.connect({ address: this.#temporal.env.TEMPORAL_ADDRESS });
    try {
      return await journeyOf({ sql: this.#sql, client: new Client({ connection }) }, event, times);
    } finally {
      await connection.close();
    }
  }

  async tidy() {
    await this.#sql`vacuum analyze`;
  }

  actions(since: number) {
    return this.#temporal.actions!(since);
  }

  killApi() {
    return this.#running.get('api')!.kill();
  }

  /** In place of the one that runs. Where it dispatches itself, no relay does beside it. */
  async startApi(dispatcher: 'on' | 'off' = 'on') {
    await this.#stop('api', ...(dispatcher === 'on' ? ['relay'] : []));
    await this.#start(['api'], { KNOCKON_DISPATCHER: dispatcher });
  }

  /** By its API: it takes in a backlog as fast as others are given one in bulk. */
  async fill(count: number) {
    const requests = await this.requests(shapes.channels);
    await load(this.url, requests, { connections: 32, amount: count, seconds: 600 });
  }

  /** From then on nobody dispatches either: what is stored waits in the outbox. */
  async stopWorkers() {
    await this.#stop('relay', 'worker workflows', 'worker effects');
    await this.startApi('off');
  }

  async startWorkers() {
    const isApiUp = this.#running.has('api');
    await Promise.all([
      this.#start(['worker', 'workflows']),
      this.#start(['worker', 'effects']),
      ...(isApiUp ? [this.#start(['relay'])] : []),
    ]);
  }

  async end() {
    await this.#stop(...this.#running.keys());
    await this.#sql.end({ timeout: 1 });
  }

  async #stop(...names: string[]): Promise<void> {
    await Promise.all(names.flatMap((name) => this.#running.get(name)?.stop() ?? []));
  }

  async #start(args: string[], more: NodeJS.ProcessEnv = {}): Promise<void> {
    this.#running.set(args.join(' '), await forkProcess(knockon, { args, env: { ...this.#env, ...more }, flags }));
  }
}
