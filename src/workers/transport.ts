import type { Logger } from 'pino';
import type { Database } from '../db/client.ts';
import type { TemporalUi } from '../ops/inspect/temporal-ui.ts';
import type { Config } from '../settings/config.ts';
import { namingOf } from '../transport/naming.ts';
import type { OperationDriver, ResetWorkflow } from '../transport/operation.ts';
import type { Queues } from '../transport/queues.ts';
import type { LetterBoard, Recovery, SeeCalls, Transport } from '../transport/transport.ts';

/** The transport that KNOCKON_TRANSPORT chooses, as API and relay use it. */
export interface ChosenTransport {
  transport: Transport;
  recovery: Recovery;
  queues: Queues;
  /** What is known of the calls of a dispatch. */
  seeCalls: SeeCalls;
  /** Who runs operations; null: dispatching processes do. */
  driver: OperationDriver | null;
  resetWorkflow: ResetWorkflow;
  /** Where open letters are shown; null: where the jobs are, in Postgres. */
  letters: LetterBoard | null;
  /** Where dispatches are seen as workflows; null: they are none. */
  temporalUi: TemporalUi | null;
}

/**
 * Connects to nothing yet: that is done when it is first needed, so that a process starts though
 * its servers be away.
 */
export async function chooseTransport(
  config: Config,
  database: Database,
  log: Logger,
): Promise<ChosenTransport> {
  return config.KNOCKON_TRANSPORT === 'pg-boss'
    ? await pgBoss(config, database, log)
    : await temporal(config, log);
}

async function temporal(config: Config, log: Logger): Promise<ChosenTransport> {
  const [
    { Client },
    { createTemporalTransport, lazyConnection },
    { SearchAttributes },
    { temporalRecovery },
    { temporalQueues },
    { temporalCalls },
    { temporalOperations },
    { resetWorkflow },
    { temporalOpenLetters },
  ] = await Promise.all([
    import('@temporalio/client'),
    import('../transport/temporal/transport.ts'),
    import('../transport/temporal/search-attributes.ts'),
    import('../transport/temporal/recovery.ts'),
    import('../transport/temporal/queues.ts'),
    import('../transport/temporal/calls.ts'),
    import('../transport/temporal/operations.ts'),
    import('../transport/temporal/reset.ts'),
    import('../transport/temporal/dead-letters.ts'),
  ]);
  const { namespace } = config.temporal;
  const naming = namingOf(config.KNOCKON_DEPLOYMENT);
  const client = new Client({ connection: lazyConnection(config.temporal), namespace });
  const attributes = new SearchAttributes(client, log);
  return {
    transport: createTemporalTransport(client, attributes, naming),
    recovery: temporalRecovery(client, attributes, naming),
    queues: temporalQueues(client, naming),
    seeCalls: temporalCalls(client, naming),
    driver: temporalOperations(client, naming),
    letters: temporalOpenLetters(client, attributes, naming),
    resetWorkflow: (id, reason) => resetWorkflow(client, id, reason, naming),
    temporalUi: { url: config.TEMPORAL_UI_URL, namespace, naming },
  };
}

async function pgBoss(config: Config, { pg }: Database, log: Logger): Promise<ChosenTransport> {
  const [{ createPgBossTransport }, { pgBossQueues }, { pgBossCalls }] = await Promise.all([
    import('../transport/pg-boss/transport.ts'),
    import('../transport/pg-boss/queues.ts'),
    import('../transport/pg-boss/calls.ts'),
  ]);
  const transport = createPgBossTransport({
    url: config.DATABASE_URL,
    name: 'knockon pg-boss',
    pg,
    log,
  });
  return {
    transport,
    recovery: transport,
    queues: pgBossQueues(pg),
    seeCalls: pgBossCalls(pg),
    driver: null,
    resetWorkflow: null,
    letters: null,
    temporalUi: null,
  };
}
