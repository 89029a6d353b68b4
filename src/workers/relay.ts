import { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { Dispatcher } from '../outbox/dispatcher.ts';
import { createTemporalTransport, lazyConnection } from '../transport/temporal.ts';
import { createLog, type Running, Started, temporalOf } from './process.ts';

/** A client whose connection is made when it is first needed. */
export function temporalClient(config: Config): Client {
  const namespace = config.TEMPORAL_NAMESPACE;
  return new Client({ connection: lazyConnection({ ...temporalOf(config), namespace }), namespace });
}

export function createDispatcher(config: Config, database: Database, client: Client, log: Logger): Dispatcher {
  return new Dispatcher({
    sql: database.sql,
    transport: createTemporalTransport(client),
    size: config.KNOCKON_DISPATCH_SIZE,
    staleMs: config.KNOCKON_RELAY_AGE,
    log,
  });
}

/** `knockon relay`: the dispatcher in a process of its own. As many as you like side by side. */
export async function start(config: Config): Promise<Running> {
  const log = createLog('relay', config.LOG_LEVEL);
  const started = new Started();
  const database = started.add(connectDatabase(config.DATABASE_URL, { connections: 1, name: 'knockon relay' }), (d) => d.close());
  const client = started.add(temporalClient(config), (c) => c.connection.close());
  const dispatcher = started.add(createDispatcher(config, database, client, log), (d) => d.stop());
  dispatcher.start();
  log.info('ready');
  return { stop: () => started.stop() };
}
