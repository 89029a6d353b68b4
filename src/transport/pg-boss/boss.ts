import { Socket } from 'node:net';
import { PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import { HostSocket, Hosts } from '../../db/hosts.ts';
import { OWN_SCHEMA } from '../../db/own-schema.ts';
import { KEEPALIVE, Sockets } from '../../db/sockets.ts';
import { SESSION_SETTINGS, setConfigs, TRACKED_SETTINGS } from '../../db/value-settings.ts';
import { queueOptions } from './jobs.ts';

export interface BossOptions {
  /** The database. pg-boss keeps its tables in our schema there, and migrates them itself. */
  url: string;
  /** Shown as `application_name`. */
  name: string;
  log: Pick<Logger, 'warn'>;
  /** Most connections (default 2). */
  connections?: number;
}

/** How often to look for jobs whose worker is gone, in seconds. */
export const LOOK_AFTER = 3;

/**
 * Of its connections, in ms; pg-boss hands them on to `pg`. A statement that is not answered has
 * its connection thrown away, as in our own pools, which a firewall that drops would otherwise have
 * it wait for.
 */
const LIMITS = {
  query_timeout: 21_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  verify: limitSession,
};

/** What is said to Postgres at the beginning of a session. */
const SETTINGS = { ...SESSION_SETTINGS, statement_timeout: 20_000, ...KEEPALIVE };

/**
 * Has Postgres write values as we read them, end a statement after 20 s, and the session of a
 * client that is gone. Not said at the beginning of the connection, as a pooler refuses that; nor
 * by way of one, but for what it keeps apart, as it would hold for the sessions of others: it shows
 * by the process that it names, which is not the one that answers.
 */
function limitSession(
  client: {
    processID: number;
    query(text: string, values: unknown[], done: (error?: Error) => void): void;
    on(event: 'error', listener: () => void): void;
  },
  done: (error?: Error) => void,
) {
  // The statement under way hears of it. The pool listens while a client is idle; an error to which
  // nobody listens would end the process.
  client.on('error', () => {});
  const settings = `select ${setConfigs(TRACKED_SETTINGS, false)},
    case when pg_backend_pid() = $1 then concat(${setConfigs(SETTINGS, false)}) end`;
  client.query(settings, [client.processID], (error) => done(error));
}

/**
 * Where `pg` has its sockets from. They are watched as those of our own pools are. Over TLS they
 * can't be: `pg` encrypts by itself.
 */
function streamsTo(url: string, hosts: Hosts) {
  const sockets = new Sockets(url, LIMITS.query_timeout, false);
  return {
    stream: ({ ssl }: { ssl?: unknown }): Socket => {
      const socket = hosts.areSeveral ? new HostSocket(hosts) : new Socket();
      return ssl ? socket : sockets.watch(socket);
    },
  };
}

/** pg-boss, not started yet. It polls nothing by itself: workers are ours. */
export function createBoss({ url, name, log, connections = 2 }: BossOptions): PgBoss {
  const hosts = Hosts.of(url);
  const boss = new PgBoss({
    connectionString: hosts.url,
    ...streamsTo(url, hosts),
    application_name: name,
    schema: OWN_SCHEMA,
    createSchema: false,
    max: connections,
    connectionTimeoutMillis: 5000,
    ...LIMITS,
    // Workers do it when they trust what they see: `lost-jobs.ts`.
    supervise: false,
    superviseIntervalSeconds: LOOK_AFTER,
    monitorIntervalSeconds: LOOK_AFTER,
    maintenanceIntervalSeconds: 300,
    // A backlog is what a queue is for: the API and /metrics tell it, not a line in the log every
    // few seconds.
    warningQueueSize: 1_000_000_000,
    schedule: false,
    registerInstance: false,
    openTelemetry: { enabled: false },
  });
  boss.on('error', (error) => log.warn({ err: error }, 'pg-boss'));
  boss.on('warning', ({ message, data }) => log.warn({ data }, message));
  return boss;
}

/** Makes the queues that are not there yet. */
export async function ensureQueues(boss: PgBoss, names: string[]): Promise<void> {
  for (const name of names) await boss.createQueue(name, queueOptions);
}
