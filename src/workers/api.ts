import { setTimeout as wait } from 'node:timers/promises';
import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { auditKey } from '../activities/audit/hash.ts';
import { verifyAudit } from '../activities/audit/verify.ts';
import { summaryStore } from '../activities/cache/summaries.ts';
import { isAllowedWebhookUrl } from '../activities/runtime/network/ssrf.ts';
import { createApp } from '../api/app.ts';
import { cachedFor } from '../api/cached-for.ts';
import type { ApiDependencies } from '../api/dependencies.ts';
import { createLimits, type Limits } from '../api/limits/index.ts';
import { connectDatabase, type Database, type DatabaseOptions } from '../db/client.ts';
import { createHeavy, type Heavy } from '../db/heavy/heavy.ts';
import { soon } from '../db/soon.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { createMessageWriter } from '../messages/create.ts';
import { registerPauseMetrics, stalePauses } from '../ops/controls/stale-pauses.ts';
import { diagnose } from '../ops/doctor/diagnose.ts';
import type { DoctorContext } from '../ops/doctor/finding.ts';
import { LedgerCheck } from '../ops/status/ledger-check.ts';
import { Live } from '../ops/status/live.ts';
import {
  readSubscriberBacklogs,
  registerBacklogMetrics,
  registerLedgerMetrics,
} from '../ops/status/metrics.ts';
import { readiness } from '../ops/status/readiness.ts';
import { EVENTS_CHANNEL } from '../outbox/emit.ts';
import { createEventWriter } from '../outbox/post-events.ts';
import { createSeal } from '../seal.ts';
import { type Config, refuseSharedPort } from '../settings/config.ts';
import { effectQueue } from '../transport/dispatch.ts';
import { namingOf } from '../transport/naming.ts';
import { beginNotingDeployment } from './deployment.ts';
import { createDispatcher } from './dispatching.ts';
import { beginRegisteringTypes } from './event-types.ts';
import { BACKGROUND, startControls, startMaintenance } from './maintenance.ts';
import { startOperations } from './operations.ts';
import { versionOf } from './presence.ts';
import { timeLimits } from './process/connections.ts';
import { askPostgres, serveHealth } from './process/health.ts';
import { type HttpServer, serve } from './process/http-server.ts';
import { registerProcessMetrics } from './process/metrics.ts';
import { createLog, type Running, ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';
import { type ChosenTransport, chooseTransport } from './transport.ts';

/**
 * For what requests ask: longest times of a statement, of its waiting for a lock and for a
 * connection, in ms. Their sum stays below 15 s, the time limit of a request, with the time until a
 * silent connection is given up.
 */
const REQUESTS = { statementMs: 8000, lockMs: 2000, waitMs: 3000 };

/** How old an answer of /readyz may be, in ms: those who ask at once share one look. */
const READY_MS = 250;

/** `knockon api`: serves HTTP, and unless KNOCKON_DISPATCHER is off dispatches what it stores. */
export async function start(config: Config): Promise<Running> {
  refuseSharedPort(config);
  const log = createLog('api', config.LOG_LEVEL);
  const started = new ShutdownStack();
  const metrics = new Registry();
  registerProcessMetrics(metrics, config);
  const pools = openPools(config, started);
  askPostgres({ config, log, started });
  beginRegisteringTypes({ database: pools.background, log }, started);
  beginNotingDeployment(config, { database: pools.background, log }, started);
  const chosen = await chooseTransport(config, pools.background, log);
  started.add(chosen.transport, (t) => t.close());
  const types = new EventTypeRegistry(pools.database);
  const api: ApiProcess = { config, log, started, metrics, pools, chosen, types };
  const gate = new ReadinessGate();
  const deps = await wireDependencies(api, gate);
  await serveHealth({ metrics, readiness: deps.readiness }, { config, log, started });
  const { KNOCKON_HOST: host, KNOCKON_PORT: port } = config;
  const times = { ...timeLimits, keepAliveTimeout: config.KNOCKON_KEEP_ALIVE };
  const server = await serve(createApp(deps).fetch, { host, port }, times);
  started.add(server, (s) => s.close(config.KNOCKON_SHUTDOWN));
  // It stops before the server, which would wait for open streams: they never end by themselves.
  started.add(deps.live, (l) => l.close());
  log.info({ url: server.url }, 'ready');
  return { url: server.url, stop: () => stopGracefully(api, gate, server) };
}

/** What routes need. What works in the background beside them has begun. */
async function wireDependencies(api: ApiProcess, gate: ReadinessGate) {
  const { config, log, started, metrics, pools, chosen, types } = api;
  const summaries = await summaryStore(pools.database.db, config.REDIS_URL);
  started.add(summaries, (s) => s.close());
  const limits = started.add(await apiLimits(config, log), (l) => l.close());
  const wake = await startDispatching(api);
  startControls({ database: pools.background, queues: chosen.queues, log }, started);
  const check = startLedgerCheck(api);
  registerApiMetrics(api, check);
  return {
    ...storage(config, pools, wake),
    ...operating(api, limits),
    eventTypes: types,
    limits,
    summaries,
    readiness: gate.before(progressOf(api, check)),
    live: new Live({ pg: pools.background.pg, log }),
    log,
    metrics,
  } satisfies ApiDependencies;
}

/** Closed once the process stops: nothing new is sent here from then on. */
class ReadinessGate {
  #closed = false;

  close(): void {
    this.#closed = true;
  }

  before(progress: ApiDependencies['readiness']): ApiDependencies['readiness'] {
    return async () =>
      this.#closed
        ? { ok: false, detail: { problem: 'this process is stopping' } }
        : await progress();
  }
}

async function stopGracefully(
  { config, started }: ApiProcess,
  gate: ReadinessGate,
  server: HttpServer,
): Promise<void> {
  gate.close();
  server.letGo();
  await wait(config.KNOCKON_DRAIN);
  await started.stop();
}

/** What the parts of this process share. */
interface ApiProcess {
  config: Config;
  log: Logger;
  started: ShutdownStack;
  metrics: Registry;
  pools: Pools;
  chosen: ChosenTransport;
  types: EventTypeRegistry;
}

type Pools = ReturnType<typeof openPools>;

function openPools(config: Config, started: ShutdownStack) {
  const open = (options: DatabaseOptions) =>
    started.add(connectDatabase(config.DATABASE_URL, options), (d) => d.close());
  return {
    /** For requests. */
    database: open({
      name: 'knockon api',
      directUrl: config.KNOCKON_DATABASE_DIRECT_URL,
      ...REQUESTS,
    }),
    /** For messages of channels that another transaction holds. */
    forHeldRows: open({ name: 'knockon api, held channels', ...REQUESTS, waitMs: REQUESTS.lockMs }),
    /** For what the process does beside requests. */
    background: open({
      name: 'knockon api, background',
      connections: 2,
      statementMs: BACKGROUND,
    }),
    heavy: createHeavy(open({ name: 'knockon api, heavy', connections: 4, ...REQUESTS })),
  };
}

/**
 * Dispatches in this process, unless KNOCKON_DISPATCHER is off: then relays do.
 *
 * @returns what wakes the dispatcher when messages of these workspaces were stored
 */
async function startDispatching({
  config,
  log,
  started,
  metrics,
  pools,
  chosen,
  types,
}: ApiProcess): Promise<(workspaceIds: string[]) => void> {
  const { database, background } = pools;
  if (config.KNOCKON_DISPATCHER === 'off')
    return () => void database.pg`select pg_notify(${EVENTS_CHANNEL}, '')`.catch(() => {});
  const { transport, driver } = chosen;
  const dispatcher = createDispatcher({ config, types, database, transport, metrics, log });
  started.add(dispatcher, (d) => d.stop());
  dispatcher.start();
  startMaintenance(config, background, chosen, log, started);
  await startOperations({ config, database: background, chosen, log, started, driver });
  return (workspaceIds) => dispatcher.wake(workspaceIds);
}

function startLedgerCheck({ config, log, started, pools, chosen }: ApiProcess): LedgerCheck {
  const everyMs = config.KNOCKON_CHECK_EVERY;
  const { running } = chosen.recovery;
  const check = new LedgerCheck({ pg: pools.background.pg, running, everyMs, log });
  const loop = repeat({ what: 'check the ledger', everyMs, log }, () => check.run());
  started.add(loop, (l) => l.stop());
  return check;
}

function registerApiMetrics({ config, metrics, pools }: ApiProcess, check: LedgerCheck): void {
  const { pg } = pools.background;
  registerLedgerMetrics(metrics, pg, () => check.latest);
  registerPauseMetrics(metrics, pg, config.KNOCKON_PAUSED_TOO_LONG);
  // Counts what is open as often as the ledger is checked, however often somebody asks.
  registerBacklogMetrics(
    metrics,
    cachedFor(config.KNOCKON_CHECK_EVERY, () => readSubscriberBacklogs(pg)),
  );
}

/** Whether requests can be served and events move on, as /readyz answers. */
function progressOf({ config, pools }: ApiProcess, check: LedgerCheck) {
  return cachedFor(READY_MS, async () => {
    // A long pause is shown, but the process stays ready: somebody meant it, and it harms no
    // request.
    const paused = soon(stalePauses(pools.background.pg, config.KNOCKON_PAUSED_TOO_LONG)).catch(
      () => [],
    );
    const { ok, detail } = await readiness(pools.database, config.KNOCKON_READY_AGE, check.latest);
    const paused_too_long = await paused;
    return { ok, detail: { ...detail, ...(paused_too_long.length > 0 && { paused_too_long }) } };
  });
}

/** What the API stores and reads by, and the effects that it calls itself. */
function storage(
  config: Config,
  { database, forHeldRows, heavy }: Pools,
  wake: (workspaceIds: string[]) => void,
) {
  const writing = { pg: database.pg, forHeldRows: forHeldRows.pg, onStored: wake };
  const writer = createMessageWriter(writing);
  const eventWriter = createEventWriter(writing);
  return { database, heavy, writer, eventWriter, ...effectCalls(config, database, heavy) };
}

/** What operators use. */
function operating({ config, pools, chosen }: ApiProcess, limits: Limits) {
  const { queues, seeCalls, driver, resetWorkflow, temporalUi, recovery } = chosen;
  const doctor: DoctorContext = {
    database: pools.background,
    queues,
    running: recovery.running,
    unnamedProxy: limits.proxies.unnamed,
    version: versionOf(config),
    readyAgeMs: config.KNOCKON_READY_AGE,
    pausedTooLongMs: config.KNOCKON_PAUSED_TOO_LONG,
  };
  return {
    running: recovery.running,
    queues,
    seeCalls,
    driver,
    resetWorkflow,
    temporalUi,
    diagnose: () => diagnose(doctor),
    adminKey: config.KNOCKON_ADMIN_KEY,
    openMetrics: isLoopback(config.KNOCKON_HOST),
  };
}

/** Whether nobody but this machine reaches what listens there. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback');

/** What the API has from the effects. */
function effectCalls(config: Config, database: Database, heavy: Heavy) {
  const seal = createSeal(config.KNOCKON_SECRET);
  const { KNOCKON_WEBHOOK_TIMEOUT: timeoutMs, KNOCKON_WEBHOOK_NAME_SERVERS: nameServers } = config;
  const networks = { allow: config.KNOCKON_WEBHOOK_ALLOW, deny: config.KNOCKON_WEBHOOK_DENY };
  const sending = { db: database.db, seal, ...networks, timeoutMs, nameServers };
  return {
    seal,
    verifyAudit: verifyAudit({ heavy, key: auditKey(config.KNOCKON_SECRET) }),
    sendTest: atFirstCall(async () => (await sendNow()).sendTest(sending)),
    redeliver: atFirstCall(async () => (await sendNow()).redeliver(sending)),
    trySubscriber: atFirstCall(async () => (await tryNow()).trySubscriber(sending)),
    taskQueueOf: (name: string) => namingOf(config.KNOCKON_DEPLOYMENT).of(effectQueue(name)),
    isAllowedWebhookUrl: isAllowedWebhookUrl(networks),
  };
}

// What sends brings undici along, 7 MB and 0.2 s; most API processes send nothing.
const sendNow = () => import('../activities/webhooks/delivery/send-now.ts');
const tryNow = () => import('../activities/remote/try-subscriber.ts');

/** A function that is made once it is called, and kept. */
function atFirstCall<A extends unknown[], T>(make: () => Promise<(...args: A) => Promise<T>>) {
  let made: ReturnType<typeof make> | undefined;
  return async (...args: A): Promise<T> => {
    made ??= make();
    return await (await made)(...args);
  };
}

const apiLimits = (config: Config, log: Logger): Promise<Limits> =>
  createLimits({
    key: config.KNOCKON_RATE_LIMIT,
    keyless: config.KNOCKON_KEYLESS_LIMIT,
    redisUrl: config.REDIS_URL,
    trustedProxies: config.KNOCKON_TRUSTED_PROXIES,
    log,
  });
