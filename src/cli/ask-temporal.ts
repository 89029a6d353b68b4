import { Client, Connection } from '@temporalio/client';
import { connectionOptions } from '../transport/temporal.ts';
import { temporalRecovery } from '../transport/temporal-recovery.ts';
import type { Recovery } from '../transport/transport.ts';

/** Asks Temporal about workflows. */
export interface TemporalAnswers {
  running: Recovery['running'];
  close(): Promise<void>;
}

/** @returns null where Temporal can't be reached within five seconds */
export async function askTemporal(temporal: {
  address: string;
  namespace: string;
  apiKey: string | undefined;
}): Promise<TemporalAnswers | null> {
  const connection = await Connection.connect(connectionOptions(temporal)).catch(() => null);
  if (!connection) return null;
  const { running } = temporalRecovery(new Client({ connection, namespace: temporal.namespace }));
  return { running, close: () => connection.close() };
}
