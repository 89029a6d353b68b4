import { connectDatabase } from '../db/client.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { readiness } from '../ops/status/readiness.ts';
import type { Config } from '../settings/config.ts';
import { beginNotingDeployment } from './deployment.ts';
import { createDispatcher } from './dispatching.ts';
import { beginRegisteringTypes } from './event-types.ts';
import { BACKGROUND, startControls, startMaintenance } from './maintenance.ts';
import { startOperations } from './operations.ts';
import { startHealth, transportAnswers } from './process/health.ts';
import { createLog, type Running, ShutdownStack } from './process/process.ts';
import { chooseTransport } from './transport.ts';

/** Longest statement of a dispatcher, in ms: so soon it notices a connection that is dead. */
const DISPATCHING = 8000;

/** `knockon relay`: runs a dispatcher and maintenance. As many as you like side by side. */
export async function start(config: Config): Promise<Running> {
  const log = createLog('relay', config.LOG_LEVEL);
  const started = new ShutdownStack();
  const { KNOCKON_DATABASE_DIRECT_URL: directUrl } = config;
  const open = (name: string, statementMs: number) =>
    started.add(
      connectDatabase(config.DATABASE_URL, { directUrl, connections: 1, name, statementMs }),
      (d) => d.close(),
    );
  const health = await startHealth({ config, log, started }, (own) => ({
    progress: async () =>
      (await readiness(own, config.KNOCKON_READY_AGE, null)).detail.problem ?? null,
  }));
  const database = open('knockon relay', DISPATCHING);
  const background = open('knockon relay, background', BACKGROUND);
  beginRegisteringTypes({ database: background, log }, started);
  beginNotingDeployment(config, { database: background, log }, started);
  const chosen = await chooseTransport(config, background, log);
  const { transport, queues, driver } = chosen;
  started.add(transport, (t) => t.close());
  health.check('transport', transportAnswers(queues));
  const types = new EventTypeRegistry(database);
  const dispatcher = started.add(
    createDispatcher({ config, types, database, transport, metrics: health.metrics, log }),
    (d) => d.stop(),
  );
  dispatcher.start();
  startMaintenance(config, background, chosen, log, started);
  startControls({ database: background, queues, log }, started);
  await startOperations({ config, database: background, chosen, log, started, driver });
  started.add(health, (h) => h.is('stopping'));
  health.is('started');
  log.info('ready');
  return { stop: () => started.stop() };
}
