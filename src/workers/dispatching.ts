import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Database } from '../db/client.ts';
import type { EventTypeRegistry } from '../events/registry.ts';
import { fitsSchema } from '../outbox/check-payloads.ts';
import { Dispatcher } from '../outbox/dispatcher.ts';
import type { Config } from '../settings/config.ts';
import type { Transport } from '../transport/transport.ts';
import { dispatchDelays } from './process/metrics.ts';

interface Dispatching {
  config: Config;
  types: EventTypeRegistry;
  database: Database;
  transport: Transport;
  metrics: Registry;
  log: Logger;
}

/** The dispatcher of an API process or a relay. It is not started yet. */
export function createDispatcher({
  config,
  types,
  database,
  transport,
  metrics,
  log,
}: Dispatching): Dispatcher {
  return new Dispatcher({
    pg: database.pg,
    listen: database.listen,
    transport,
    size: config.KNOCKON_DISPATCH_SIZE,
    fits: fitsSchema(types),
    staleMs: config.KNOCKON_RELAY_AGE,
    onDispatched: dispatchDelays(metrics),
    log,
  });
}
