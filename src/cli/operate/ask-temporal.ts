import { Client, Connection } from '@temporalio/client';
import { namingOf } from '../../transport/naming.ts';
import { running } from '../../transport/temporal/recovery.ts';
import { connectionOptions, type TemporalServer } from '../../transport/temporal/transport.ts';
import type { Recovery } from '../../transport/transport.ts';

/** Asks Temporal about workflows. */
export interface TemporalAnswers {
  running: Recovery['running'];
  close(): Promise<void>;
}

/** @returns null where Temporal can't be reached within five seconds */
export async function askTemporal(
  temporal: TemporalServer,
  deployment?: string,
): Promise<TemporalAnswers | null> {
  const connection = await Connection.connect(connectionOptions(temporal)).catch(() => null);
  if (!connection) return null;
  const client = new Client({ connection, namespace: temporal.namespace });
  return {
    running: (dispatches) => running({ client, naming: namingOf(deployment) }, dispatches),
    close: () => connection.close(),
  };
}
