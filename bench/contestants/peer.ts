import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Sql } from 'postgres';
import { ask, type Forked, forkProcess } from '../child.ts';
import { postRequest } from '../connection.ts';
import { commits, type Ground, lastCommitted, look } from '../ground.ts';
import { messages } from '../messages.ts';
import type { Contestant, Entrant } from './contestant.ts';

/** What a peer needs beside Postgres. */
export interface Servers {
  /** Tells the peer's programs where they are. */
  env: NodeJS.ProcessEnv;
  /** Once its worker runs for the first time. */
  introduce?(): Promise<void>;
  actions?(since: number): Promise<number>;
  stop(): Promise<void>;
}

/** A peer: programs in bench/peers/<folder>, `api.js` and, where it has one, `worker.js`. */
export interface Peer extends Omit<Contestant, 'enter'> {
  folder?: string;
  /** Its programs' own settings. */
  env?: NodeJS.ProcessEnv;
  servers?(ground: Ground): Promise<Servers>;
}

export function peer({ folder, env = {}, servers: startServers, ...rest }: Peer): Contestant {
  const program = (name: string) =>
    fileURLToPath(new URL(`../peers/${folder ?? rest.name}/${name}.js`, import.meta.url));
  return {
    ...rest,
    async enter(ground) {
      const name = rest.name.replaceAll('-', '_');
      const database = await ground.database(name);
      const pg = look(database);
      await makeTables(pg);
      const servers = await startServers?.(ground);
      const start = (path: string) =>
        forkProcess(path, { env: { DATABASE_URL: database, ...env, ...servers?.env } });
      const entrant = new PeerEntrant(pg, start, {
        api: program('api'),
        worker: program('worker'),
      });
      await entrant.startWorkers();
      await servers?.introduce?.();
      await entrant.startApi();
      const stop = async () => {
        await entrant.end();
        await servers?.stop();
        await ground.drop(name);
      };
      return Object.assign(entrant, { stop, actions: servers?.actions });
    },
  };
}

async function makeTables(pg: Sql): Promise<void> {
  await pg.unsafe(`
    create table messages (
      id uuid primary key default uuidv7(), workspace_id uuid not null, channel_id uuid not null, author text not null,
      text text not null, created_at timestamptz not null default now()
    );
    create table outbox (
      id uuid primary key default uuidv7(), type text not null, message_id uuid not null, payload jsonb not null,
      created_at timestamptz not null default now()
    );
    create table effect_log (
      message_id uuid not null, effect text not null, at timestamptz not null default now(), primary key (message_id, effect)
    )`);
}

class PeerEntrant implements Omit<Entrant, 'stop'> {
  readonly #pg: Sql;
  readonly #start: (path: string) => Promise<Forked>;
  readonly #programs: { api: string; worker: string };
  #api: Forked | undefined;
  #worker: Forked | undefined;

  constructor(
    pg: Sql,
    start: (path: string) => Promise<Forked>,
    programs: { api: string; worker: string },
  ) {
    this.#pg = pg;
    this.#start = start;
    this.#programs = programs;
  }

  get url() {
    return this.#api!.url;
  }

  get apiPid() {
    return this.#api!.pid;
  }

  async requests({ workspaces, channels }: { workspaces: number; channels: number }) {
    const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
    const [inWorkspaces, inChannels] = [ids(workspaces), ids(channels)];
    return messages(4000).map((message, i) => {
      const body = JSON.stringify({ ...message, workspace_id: inWorkspaces[i % workspaces] });
      return postRequest(`${this.url}/channels/${inChannels[i % channels]}/messages`, {}, body);
    });
  }

  /**
   * The log of effects is emptied, so that counting it costs the same for everybody at any time.
   */
  async watch() {
    const pg = this.#pg;
    await pg`truncate effect_log`;
    const [{ mark }] = await pg<[{ mark: string }]>`select uuidv7() as mark`;
    const count = async (rows: Promise<{ count: number }[]>) => (await rows)[0]!.count;
    return {
      messages: () =>
        count(pg<{ count: number }[]>`select count(*)::int from messages where id > ${mark}`),
      effects: () => count(pg<{ count: number }[]>`select count(*)::int from effect_log`),
      lastEffect: () => lastCommitted(pg, pg`effect_log`),
    };
  }

  async post() {
    const body = JSON.stringify({
      author: 'ada',
      text: 'is anybody there?',
      workspace_id: randomUUID(),
    });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${this.url}/channels/${randomUUID()}/messages`, {
      method: 'POST',
      headers,
      body,
    });
    return ((await answer.json()) as { id: string }).id;
  }

  happened(message: string) {
    return commits(this.#pg, this.#pg`effect_log where message_id = ${message}`);
  }

  async tidy() {
    await this.#pg`vacuum analyze`;
  }

  killApi() {
    return this.#api!.kill();
  }

  async startApi() {
    this.#api = await this.#start(this.#programs.api);
  }

  fill(count: number) {
    return ask(this.#api!, { fill: count });
  }

  async startWorkers() {
    if (existsSync(this.#programs.worker)) this.#worker = await this.#start(this.#programs.worker);
  }

  async stopWorkers() {
    await this.#worker?.stop();
  }

  async end() {
    await this.#api?.stop();
    await this.stopWorkers();
    await this.#pg.end({ timeout: 1 });
  }
}
