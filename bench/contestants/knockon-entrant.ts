import { Client, Connection } from '@temporalio/client';
import type { Sql } from 'postgres';
import { type Forked, forkProcess, knockon } from '../child.ts';
import { commits, lastCommitted } from '../ground.ts';
import { type Journey, journeyOf, type Times } from '../idle/journey.ts';
import { load } from '../load.ts';
import { type Shape, shapes } from '../shapes.ts';
import type { Entrant } from './contestant.ts';
import { applicationRequests, type EventSource, eventRequests, makeOwnPlaces } from './events.ts';
import type { Servers } from './peer.ts';
import { makePlaces, messageRequests, type Place, post } from './workspace.ts';

/** As `knockon up` starts its own. */
const flags = ['--max-old-space-size=512', '--max-semi-space-size=16'];

interface Parts {
  pg: Sql;
  temporal: Servers;
  env: NodeJS.ProcessEnv;
  effectWorker: string | undefined;
  /** Default: messages. */
  source?: EventSource;
}

/** Our processes, each under the command's name. */
export class KnockonEntrant implements Omit<Entrant, 'stop'> {
  readonly #pg: Sql;
  readonly #temporal: Servers;
  readonly #env: NodeJS.ProcessEnv;
  readonly #effectWorker: string | undefined;
  readonly #source: EventSource | undefined;
  readonly #running = new Map<string, Forked>();
  /** Made once, as channels have events and effects of their own. */
  readonly #places = new Map<string, Promise<Place[]>>();
  #home: Promise<Place[]> | undefined;

  constructor({ pg, temporal, env, effectWorker, source }: Parts) {
    this.#pg = pg;
    this.#temporal = temporal;
    this.#env = env;
    this.#effectWorker = effectWorker;
    this.#source = source;
  }

  get url() {
    return this.#running.get('api')!.url;
  }

  get apiPid() {
    return this.#running.get('api')!.pid;
  }

  async requests({ workspaces, channels }: Shape) {
    const spread = `${channels} in ${workspaces}`;
    if (!this.#places.has(spread))
      this.#places.set(spread, this.#makePlaces({ workspaces, channels }));
    const places = await this.#places.get(spread)!;
    if (!this.#source) return messageRequests(this.url, places);
    const { type, application } = this.#source;
    return application
      ? applicationRequests(this.url, places)
      : eventRequests(this.url, type, places);
  }

  #makePlaces(spread: { workspaces: number; channels: number }) {
    if (this.#source?.application) return makeOwnPlaces(this.#pg, spread);
    return makePlaces(this.url, this.#env.KNOCKON_ADMIN_KEY!, spread);
  }

  async watch() {
    const pg = this.#pg;
    const type = this.#source?.type ?? 'message.created';
    const [{ mark }] = await pg<[{ mark: string }]>`select uuidv7() as mark`;
    const count = async (rows: Promise<{ count: number }[]>) => (await rows)[0]!.count;
    return {
      messages: () =>
        count(
          pg<
            { count: number }[]
          >`select count(*)::int from knockon.events where id > ${mark} and type = ${type}`,
        ),
      effects: () =>
        count(
          pg<
            { count: number }[]
          >`select count(*)::int from knockon.receipts where event_id > ${mark}`,
        ),
      lastEffect: () => lastCommitted(pg, pg`knockon.receipts where event_id > ${mark}`),
    };
  }

  async post() {
    this.#home ??= this.#makePlaces({ workspaces: 1, channels: 1 });
    const [{ key, channel }] = (await this.#home) as [Place];
    const message = { author: 'ada', text: 'is anybody there?' };
    if (this.#source) return await this.#emit(this.#source, { key, channel }, message);
    return (
      await post<{ event_id: string }>(`${this.url}/v1/channels/${channel}/messages`, key, message)
    ).event_id;
  }

  async #emit(
    { type, application }: EventSource,
    { key, channel }: Place,
    message: object,
  ): Promise<string> {
    const path = application ? `/channels/${channel}/messages` : '/v1/events';
    const body = application
      ? { ...message, workspace_id: key }
      : { type, key: channel, payload: message };
    return (await post<{ id: string }>(`${this.url}${path}`, key, body)).id;
  }

  happened(event: string) {
    return commits(this.#pg, this.#pg`knockon.receipts where event_id = ${event}`);
  }

  async journey(event: string, times: Times): Promise<Journey> {
    const connection = await Connection.connect({ address: this.#temporal.env.TEMPORAL_ADDRESS });
    try {
      return await journeyOf({ pg: this.#pg, client: new Client({ connection }) }, event, times);
    } finally {
      await connection.close();
    }
  }

  async tidy() {
    await this.#pg`vacuum analyze`;
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
    const application = this.#source?.application;
    if (application) {
      await this.#start(['api'], { POOL: '8' }, application);
      if (dispatcher === 'on') await this.#start(['relay']);
      return;
    }
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
      this.#start(['worker', 'effects'], {}, this.#effectWorker),
      ...(isApiUp ? [this.#start(['relay'])] : []),
    ]);
  }

  async end() {
    await this.#stop(...this.#running.keys());
    await this.#pg.end({ timeout: 1 });
  }

  async #stop(...names: string[]): Promise<void> {
    await Promise.all(names.flatMap((name) => this.#running.get(name)?.stop() ?? []));
  }

  async #start(args: string[], more: NodeJS.ProcessEnv = {}, program = knockon): Promise<void> {
    this.#running.set(
      args.join(' '),
      await forkProcess(program, { args, env: { ...this.#env, ...more }, flags }),
    );
  }
}
