import type { Logger } from 'pino';
import type { Database } from '../db/client.ts';
import { registerEventTypes } from '../events/register.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { retryUntilAvailable, type ShutdownStack } from './process/process.ts';

/**
 * Writes the event types that this process declares, so that everybody knows them. Waits for
 * Postgres.
 *
 * @param isAway which errors to wait for
 * @throws EventSchemaError, or Postgres' error where that is not waited for
 */
export async function registerTypes(
  { database: { pg }, log }: { database: Database; log: Logger },
  isAway: (error: unknown) => boolean,
): Promise<void> {
  const write = () => registerEventTypes(pg);
  const conflicts = await retryUntilAvailable('Postgres does not answer', write, log, isAway);
  for (const conflict of conflicts) log.warn(conflict);
}

/** Tells of types that an effect listens to and that there are not. They may come later. */
export async function tellUnknownTypes(
  { database: { pg }, log }: { database: Database; log: Logger },
  effects: { name: string; on: string[] }[],
): Promise<void> {
  const registry = new EventTypeRegistry({ pg });
  for (const { name: effect, on } of effects) {
    const unknown = await registry.unknownWanted(on);
    for (const { name, message } of unknown)
      log.warn({ effect }, `${effect} gets ${name} once there is such a type. Now it ${message}`);
  }
}

/** Writes them in the background, until it is done or the process stops. */
export function beginRegisteringTypes(
  wiring: { database: Database; log: Logger },
  started: ShutdownStack,
): void {
  let isStopped = false;
  started.add(wiring, () => {
    isStopped = true;
  });
  const isAway = (error: unknown) => !isStopped && (error as Error).name !== 'EventSchemaError';
  registerTypes(wiring, isAway).catch((err) => {
    if (!isStopped) wiring.log.error({ err }, 'the declared event types could not be written');
  });
}
