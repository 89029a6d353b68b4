import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { DebouncePolicy } from '../activities/runtime/debounce/decide.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import type { Database } from '../db/client.ts';
import { createSeal, type Seal } from '../seal.ts';
import type { Config } from '../settings/config.ts';
import type { RetryPolicy } from '../transport/dispatch.ts';
import type { Presence } from './presence.ts';
import type { ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';

/** How often to look for those that are new, changed or gone, in ms. */
const EVERY = 2000;

/** Longest wait before a failing service is tried again, in ms. */
const LONGEST_MS = 15 * 60_000;

/** An effect as it is at this moment: a call takes it when it begins. */
export interface CurrentEffect {
  effect: Effect;
}

/** Hosts one more effect while the process runs. */
export type HostMore = (slot: CurrentEffect) => Promise<HostedEffect>;

/** An effect that is hosted. */
export interface HostedEffect {
  /** Takes no new calls, and lets those under way end. */
  remove(): Promise<void>;
}

interface Row {
  name: string;
  description: string;
  event_types: string[];
  task_queue: string;
  ordering: Effect['ordering'];
  batch: number;
  retry: RetryPolicy;
  debounce: DebouncePolicy | null;
  timeout_ms: number;
  secret: string;
}

interface Wiring {
  config: Config;
  database: Database;
  /** Names of those to host (default: all). */
  only?: string[];
  hostMore: HostMore;
  /** Told whom it hosts no more. */
  presence: Pick<Presence, 'forget'>;
  log: Logger;
  started: ShutdownStack;
}

/**
 * Hosts an effect for each HTTP subscriber, and keeps to what is written of them: a new one is
 * hosted within seconds, a changed one is called as it is then, and a retired one is let go once
 * what it had open is done.
 */
export async function hostHttpSubscribers(wiring: Wiring): Promise<void> {
  const { config, database, log, started } = wiring;
  const hosts = new HttpSubscribers(wiring);
  const look = async () => hosts.keepTo(await readRows(database.pg, wiring.only));
  await look().catch((err) => log.warn({ err }, 'could not look for HTTP subscribers yet'));
  const every = Math.min(EVERY, config.KNOCKON_SHUTDOWN);
  started.add(repeat({ what: 'look for HTTP subscribers', everyMs: every, log }, look), (loop) =>
    loop.stop(),
  );
}

/** Those of these names that are HTTP subscribers. */
export async function httpSubscribersAmong(pg: Sql, names: string[]): Promise<string[]> {
  const rows = await pg<{ name: string }[]>`
    select name from knockon.http_subscribers where name = any(${names})`;
  return rows.map(({ name }) => name);
}

/**
 * A retired one is needed as long as the operation runs that deals with what it has open. Where
 * that was cancelled, it is until all of that is done.
 */
const readRows = (pg: Sql, only: string[] | undefined) => pg<Row[]>`
  select s.name, s.description, s.event_types, s.task_queue, s.ordering, s.batch, s.retry,
    s.debounce, h.timeout_ms, h.secret
  from knockon.http_subscribers h join knockon.subscribers s on s.name = h.name
  where ${only === undefined ? pg`true` : pg`s.name = any(${only})`} and (
    s.retired_at is null or exists (select from knockon.operations o
      where o.id = s.retire_operation and case
        when o.state in ('running', 'paused') then true
        when o.state in ('cancelled', 'failed') then exists (select from knockon.dispatches d
          where d.settled_at is null and s.name = any(coalesce(d.open, d.subscribers)))
        else false
      end))
  order by s.name`;

interface HostedSubscriber {
  /** What is written of it, as it was taken up. */
  written: string;
  slot: CurrentEffect;
  hosted: HostedEffect;
}

type MakeEffect = (row: Row) => Effect;

/** What calls HTTP services is loaded once there is one. */
async function effectMaker(config: Config, seal: Seal): Promise<MakeEffect> {
  const [{ remote }, { createSender }] = await Promise.all([
    import('../activities/remote/index.ts'),
    import('../activities/runtime/http/send.ts'),
  ]);
  const send = createSender({
    allow: config.KNOCKON_WEBHOOK_ALLOW,
    deny: config.KNOCKON_WEBHOOK_DENY,
    nameServers: config.KNOCKON_WEBHOOK_NAME_SERVERS,
    timeoutMs: config.KNOCKON_WEBHOOK_TIMEOUT,
  });
  const { KNOCKON_WEBHOOK_FAILURES: failures, KNOCKON_WEBHOOK_PROBE: firstMs } = config;
  const circuit = { failures, firstMs, longestMs: LONGEST_MS };
  return (row) => ({ ...remote(row, { seal, send, circuit }), task_queue: row.task_queue });
}

class HttpSubscribers {
  readonly #wiring: Wiring;
  readonly #seal: Seal;
  #make: Promise<MakeEffect> | undefined;
  readonly #hosted = new Map<string, HostedSubscriber>();
  /** Their calls under way have not ended yet. */
  readonly #leaving = new Set<string>();
  readonly #refused = new Set<string>();

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
    this.#seal = createSeal(wiring.config.KNOCKON_SECRET);
  }

  #opens(sealed: string): boolean {
    try {
      return this.#seal.open(sealed) !== '';
    } catch {
      return false;
    }
  }

  async #effectOf(row: Row): Promise<Effect> {
    this.#make ??= effectMaker(this.#wiring.config, this.#seal);
    return (await this.#make)(row);
  }

  async keepTo(rows: Row[]): Promise<void> {
    const wanted = new Map(rows.map((row) => [row.name, row]));
    for (const name of this.#hosted.keys()) if (!wanted.has(name)) this.#letGo(name);
    for (const row of rows) await this.#takeUp(row);
  }

  async #takeUp(row: Row): Promise<void> {
    const { name, secret, ...rest } = row;
    const written = JSON.stringify(rest);
    const known = this.#hosted.get(name);
    if (known) {
      if (known.written !== written) known.slot.effect = await this.#effectOf(row);
      known.written = written;
      return;
    }
    if (this.#leaving.has(name) || !this.#mayHost(name, secret)) return;
    const { hostMore, log } = this.#wiring;
    try {
      const slot = { effect: await this.#effectOf(row) };
      this.#hosted.set(name, { written, slot, hosted: await hostMore(slot) });
      log.info({ subscriber: name }, 'hosts an HTTP subscriber');
    } catch (err) {
      log.warn({ err, subscriber: name }, 'could not host an HTTP subscriber; trying again later');
    }
  }

  /** Who can't sign for it leaves it to other workers. */
  #mayHost(name: string, secret: string): boolean {
    if (this.#opens(secret)) return true;
    if (!this.#refused.has(name))
      this.#wiring.log.warn(
        { subscriber: name },
        'its secret was sealed under another KNOCKON_SECRET: this worker does not host it',
      );
    this.#refused.add(name);
    return false;
  }

  #letGo(name: string): void {
    const { log } = this.#wiring;
    const known = this.#hosted.get(name);
    this.#hosted.delete(name);
    this.#leaving.add(name);
    log.info({ subscriber: name }, 'lets an HTTP subscriber go');
    void known?.hosted
      .remove()
      .catch((err) => log.warn({ err, subscriber: name }, 'could not let it go in peace'))
      .finally(() => {
        this.#wiring.presence.forget(name);
        this.#leaving.delete(name);
      });
  }
}
