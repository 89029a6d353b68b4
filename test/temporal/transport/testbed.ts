import { Client, Connection } from '@temporalio/client';
import { expect } from 'vitest';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import { claim, handedOver, markStarted } from '../../../src/outbox/claim.ts';
import { type Config, readConfig } from '../../../src/settings/config.ts';
import type { Dispatch } from '../../../src/transport/dispatch.ts';
import { hostEffects } from '../../../src/workers/host-effects.ts';
import { createLog, type Running, ShutdownStack } from '../../../src/workers/process/process.ts';
import { type ChosenTransport, chooseTransport } from '../../../src/workers/transport.ts';
import { start as startWorkflows } from '../../../src/workers/workflows.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import { freshNamespace, type TestNamespace, workflowBundle } from '../../harness/temporal.ts';
import { loopback } from '../../harness/webhook-receiver.ts';

const lines: string[] = [];
/** What the workers of this file's testbeds have logged. */
export const logged = (): string => lines.join('');
const log = createLog('testbed', 'info', { write: (line) => void lines.push(line) });

/** How long tests wait for what follows by itself. */
export const soon = { timeout: 30_000, interval: 50 };

/** A transport with a database of its own, and whatever workers it needs, in this process. */
export class TransportTestbed {
  readonly database: TestDatabase['database'];
  readonly chosen: ChosenTransport;
  readonly temporal: TestNamespace;
  readonly #own: TestDatabase;
  readonly #config: Config;
  readonly #workflows: Running;
  readonly #hosts = new Set<ShutdownStack>();

  private constructor(
    own: TestDatabase,
    config: Config,
    chosen: ChosenTransport,
    workflows: Running,
  ) {
    this.#own = own;
    this.database = own.database;
    this.temporal = config.temporal;
    this.#config = config;
    this.chosen = chosen;
    this.#workflows = workflows;
  }

  static async open(transport: Config['KNOCKON_TRANSPORT']): Promise<TransportTestbed> {
    const [own, { address, namespace }] = await Promise.all([
      freshDatabase({ connections: 16 }),
      freshNamespace(),
    ]);
    const config = readConfig({
      DATABASE_URL: own.url,
      KNOCKON_SECRET: 'a secret of thirty-two characters',
      KNOCKON_TRANSPORT: transport,
      KNOCKON_SHUTDOWN: '2s',
      KNOCKON_WEBHOOK_ALLOW: loopback.join(','),
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      LOG_LEVEL: 'silent',
    });
    const chosen = await chooseTransport(config, own.database, log);
    return new TransportTestbed(
      own,
      config,
      chosen,
      await startWorkflows(config, workflowBundle()),
    );
  }

  /** Hosts effects, as `knockon worker effects` does. @returns how to stop them */
  async host(...effects: Effect[]): Promise<() => Promise<void>> {
    const started = new ShutdownStack();
    this.#hosts.add(started);
    const { database } = this;
    const { ended } = await hostEffects({ config: this.#config, database, effects, log, started });
    ended.catch(() => {});
    return async () => {
      this.#hosts.delete(started);
      await started.stop();
    };
  }

  /** Stops what is hosted, and lets nobody of it listen to what comes. */
  async clear(): Promise<void> {
    await Promise.all([...this.#hosts].map((host) => host.stop()));
    this.#hosts.clear();
    await this.database.pg`truncate knockon.subscribers, knockon.http_subscribers, knockon.outbox`;
  }

  /**
   * Posts messages, in a channel of their own unless told otherwise. @returns their events' ids, in
   * order
   */
  async post(count: number, where?: { workspaceId: string; channelId: string }): Promise<string[]> {
    const channel = where ?? (await aChannel(this.database));
    const writer = aWriter(this.database);
    const posted = await Promise.all(
      Array.from({ length: count }, (_, i) => writer.post(aMessage(channel, { text: `${i}` }))),
    );
    return posted.flatMap((one) => ('message' in one ? [one.message.event_id] : [])).sort();
  }

  /** Claims what waits and starts it, as the dispatcher does. @returns the dispatches */
  async dispatch(size = 2000): Promise<Dispatch[]> {
    const claimed = await claim(this.database.pg, size);
    for (const group of claimed) {
      const runId = await this.chosen.transport.start(...handedOver(group));
      await markStarted(this.database.pg, group.id, runId);
    }
    return claimed;
  }

  /** What Temporal has kept of a dispatch. */
  async history(dispatchId: string): Promise<unknown> {
    const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = this.#config;
    const connection = await Connection.connect({ address });
    try {
      const handle = new Client({ connection, namespace }).workflow.getHandle(dispatchId);
      return [await handle.fetchHistory(), await handle.describe()];
    } finally {
      await connection.close();
    }
  }

  /** As a restart of Postgres does to all who are connected. */
  async cutConnections(): Promise<void> {
    const { pg } = this.database;
    await pg`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  }

  async receipts(name: string): Promise<string[]> {
    const rows = await this.database
      .pg`select event_id from knockon.receipts where subscriber = ${name} order by event_id`;
    return rows.map((row) => String(row.event_id));
  }

  async done(name: string, events: string[]): Promise<void> {
    await expect.poll(() => this.receipts(name), soon).toEqual(events);
  }

  letters(name: string) {
    return this.database.pg<{ event_id: string; target: string; cause: string; reason: string }[]>`
      select event_id, target, cause, reason from knockon.dead_letters where subscriber = ${name} order by event_id, target`;
  }

  async close(): Promise<void> {
    await this.clear();
    await this.#workflows.stop();
    await this.chosen.transport.close();
    await this.#own.close();
  }
}
