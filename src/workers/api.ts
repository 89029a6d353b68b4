import { setTimeout as wait } from 'node:timers/promises';
import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { auditKey } from '../activities/audit/hash.ts';
import { verifyAudit } from '../activities/audit/verify.ts';
import { summaryStore } from '../activities/cache/summaries.ts';
import { isAllowedWebhookUrl, redeliver, sendTest } from '../activities/webhooks/index.ts';
import { createApp } from '../api/app.ts';
import type { ApiDependencies } from '../api/dependencies.ts';
import { createLimits, type Limits } from '../api/limits/index.ts';
import { shared } from '../api/shared.ts';
import { connectDatabase, type Database, type DatabaseOptions } from '../db/client.ts';
import { createHeavy, type Heavy } from '../db/heavy/heavy.ts';
import { soon } from '../db/soon.ts';
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
import { createSeal } from '../seal.ts';
import type { Config } from '../settings/config.ts';
import { BACKGROUND, startControls, startMaintenance } from './maintenance.ts';
import { startOperations } from './operations.ts';
import { versionOf } from './presence.ts';
import { timeLimits } from './process/connections.ts';
import { serveHealth } from './process/health.ts';
import { serve } from './process/http-server.ts';
import { registerProcessMetrics } from './process/metrics.ts';
import { createLog, type Running, ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';
import { createDispatcher } from './relay.ts';
import { chooseTransport } from './transport.ts';

/**
 * For what requests ask: longest times of a statement, of its waiting for a lock and for a
 * connection, in ms. Together with the time until a silent connection is given up, less than the 15
 * s within which every request is answered.
 */
const REQUESTS = { statementMs: 8000, lockMs: 2000, waitMs: 3000 };

/** How old an answer of /readyz may be, in ms: those who ask at once share one look. */
const READY_MS = 250;

/** `knockon api`: serves HTTP, and unless KNOCKON_DISPATCHER is off dispatches what it stores. */
export async function start(config: Config): Promise<Running> {
  const log = createLog('api', config.LOG_LEVEL);
  const started = new ShutdownStack();
  const metrics = new Registry();
  registerProcessMetrics(metrics, config);
  const open = (options: DatabaseOptions) =>
    started.add(connectDatabase(config.DATABASE_URL, options), (d) => d.close());
  const database = open({
    name: 'knockon api',
    directUrl: config.KNOCKON_DATABASE_DIRECT_URL,
    ...REQUESTS,
  });
  const patient = open({
    name: 'knockon api, held channels',
    ...REQUESTS,
    waitMs: REQUESTS.lockMs,
  });
  const background = open({
    name: 'knockon api, background',
    connections: 2,
    statementMs: BACKGROUND,
  });
  const heavy = createHeavy(open({ name: 'knockon api, heavy', connections: 4, ...REQUESTS }));
  const chosen = await chooseTransport(config, background, log);
  const { transport, recovery, queues, seeCalls, driver, resetWorkflow, temporalUi } = chosen;
  started.add(transport, (t) => t.close());
  const summaries = started.add(await summaryStore(database.db, config.REDIS_URL), (s) =>
    s.close(),
  );
  const limits = started.add(await apiLimits(config, log), (l) => l.close());
  let wake: (workspaceIds: string[]) => void = () => {
    database.pg`select pg_notify(${EVENTS_CHANNEL}, '')`.catch(() => {});
  };
  if (config.KNOCKON_DISPATCHER === 'on') {
    const dispatcher = started.add(
      createDispatcher({ config, database, transport, metrics, log }),
      (d) => d.stop(),
    );
    dispatcher.start();
    startMaintenance(config, background, chosen, log, started);
    await startOperations({ config, database: background, chosen, log, started, driver });
    wake = (workspaceIds) => dispatcher.wake(workspaceIds);
  }
  startControls({ database: background, queues, log }, started);
  const check = new LedgerCheck({
    pg: background.pg,
    running: recovery.running,
    everyMs: config.KNOCKON_CHECK_EVERY,
    log,
  });
  started.add(
    repeat('check the ledger', config.KNOCKON_CHECK_EVERY, () => check.run(), log),
    (loop) => loop.stop(),
  );
  registerLedgerMetrics(metrics, background.pg, () => check.latest);
  registerPauseMetrics(metrics, background.pg, config.KNOCKON_PAUSED_TOO_LONG);
  // Counts what is open: as often as the ledger is checked, however often it is asked for.
  registerBacklogMetrics(
    metrics,
    shared(config.KNOCKON_CHECK_EVERY, () => readSubscriberBacklogs(background.pg)),
  );
  const live = new Live({ pg: background.pg, log });
  let draining = false;
  const progress = shared(READY_MS, async () => {
    // Told and not failed for: somebody has meant it, and requests are none the worse.
    const paused = soon(stalePauses(background.pg, config.KNOCKON_PAUSED_TOO_LONG)).catch(() => []);
    const { ok, detail } = await readiness(database, config.KNOCKON_READY_AGE, check.latest);
    const paused_too_long = await paused;
    return { ok, detail: { ...detail, ...(paused_too_long.length > 0 && { paused_too_long }) } };
  });
  const deps: ApiDependencies = {
    database,
    writer: createMessageWriter({
      pg: database.pg,
      patient: patient.pg,
      onStored: (workspaceIds) => wake(workspaceIds),
    }),
    heavy,
    ...effectCalls(config, database, heavy),
    limits,
    summaries,
    readiness: async () =>
      draining ? { ok: false, detail: { problem: 'this process is stopping' } } : await progress(),
    running: recovery.running,
    queues,
    seeCalls,
    diagnose: () =>
      diagnose(
        doctorContext(config, {
          database: background,
          queues,
          running: recovery.running,
          unnamedProxy: limits.proxies.unnamed,
        }),
      ),
    live,
    driver,
    resetWorkflow,
    adminKey: config.KNOCKON_ADMIN_KEY,
    temporalUi,
    log,
    metrics,
    openMetrics: isLoopback(config.KNOCKON_HOST),
  };
  await serveHealth({ metrics, readiness: deps.readiness }, { config, log, started });
  const { KNOCKON_HOST: host, KNOCKON_PORT: port } = config;
  const times = { ...timeLimits, keepAliveTimeout: config.KNOCKON_KEEP_ALIVE };
  const server = await serve(createApp(deps).fetch, { host, port }, times);
  started.add(server, (s) => s.close(config.KNOCKON_SHUTDOWN));
  // Stopped before the server: it would wait for open streams, which never end by themselves.
  started.add(live, (l) => l.close());
  log.info({ url: server.url }, 'ready');
  return {
    url: server.url,
    stop: async () => {
      draining = true;
      server.letGo();
      await wait(config.KNOCKON_DRAIN);
      await started.stop();
    },
  };
}

function doctorContext(
  config: Config,
  given: Pick<DoctorContext, 'database' | 'queues' | 'running' | 'unnamedProxy'>,
): DoctorContext {
  const { KNOCKON_READY_AGE: readyAgeMs, KNOCKON_PAUSED_TOO_LONG: pausedTooLongMs } = config;
  return { ...given, version: versionOf(config), readyAgeMs, pausedTooLongMs };
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
    sendTest: sendTest(sending),
    redeliver: redeliver(sending),
    isAllowedWebhookUrl: isAllowedWebhookUrl(networks),
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
