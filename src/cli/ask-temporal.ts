import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { connectionOptions } from '../transport/temporal.ts';

/** Asks Temporal about workflows. */
export interface TemporalAnswers {
  /** Whether the dispatch's workflow is running. Unknown counts as running: what can't be found out is not called lost. */
  isRunning(dispatchId: string): Promise<boolean>;
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
  const client = new Client({ connection, namespace: temporal.namespace });
  return {
    isRunning: async (dispatchId) => {
      try {
        return (await client.workflow.getHandle(dispatchId).describe()).status.name === 'RUNNING';
      } catch (error) {
        return !(error instanceof WorkflowNotFoundError);
      }
    },
    close: () => connection.close(),
  };
}
