import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import pMap from 'p-map';
import { type Dispatch, DROP_SIGNAL, workflowName } from '../dispatch.ts';
import { type Naming, namingOf } from '../naming.ts';
import type { DispatchRef, Recovery } from '../transport.ts';
import { attributesOf, type SearchAttributes } from './search-attributes.ts';
import { connectionOptions, type TemporalServer } from './transport.ts';

/** Workflow ids in one question to Temporal's visibility store. */
const IDS_A_QUERY = 50;

interface Where {
  client: Client;
  naming: Naming;
}

/** The workflow of a dispatch, or of its nth restart. */
const workflowId = ({ naming }: Where, id: string, restart: number) =>
  naming.of(restart === 0 ? id : `${id}.${restart}`);

/**
 * Workflows of dispatches: whether they run, and new ones for what is missing.
 *
 * @param naming of the deployment; by default it has no name
 */
export function temporalRecovery(
  client: Client,
  attributes: SearchAttributes,
  naming = namingOf(undefined),
): Recovery {
  const where = { client, naming };
  return {
    running: (dispatches) => running(where, dispatches),
    restart: (dispatch, missing, nth) =>
      attributes.startWith(attributesOf(dispatch.type), (pairs) =>
        restart(where, dispatch, missing, nth, pairs),
      ),
    drop: (dispatches, { name }) => drop(where, dispatches, name),
  };
}

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

/**
 * A dispatch is seen through by its own workflow, which somebody may have reset, or by its newest
 * restart.
 */
async function running(where: Where, dispatches: DispatchRef[]): Promise<Set<string>> {
  const owners = new Map(
    dispatches.flatMap(({ id, restarts }) =>
      [0, restarts].map((nth) => [workflowId(where, id, nth), id] as const),
    ),
  );
  const { client } = where;
  const ids = [...owners.keys()];
  const pages = Array.from({ length: Math.ceil(ids.length / IDS_A_QUERY) }, (_, i) =>
    ids.slice(i * IDS_A_QUERY, (i + 1) * IDS_A_QUERY),
  );
  const listed = (
    await pMap(pages, (page) => listRunning(client, page), { concurrency: 2 })
  ).flat();
  const found = new Set(listed.flatMap((id) => owners.get(id) ?? []));
  // The list lags behind by a moment, so those it does not have are looked at one by one.
  const doubtful = ids.filter((id) => !found.has(owners.get(id) ?? ''));
  const confirmed = await pMap(
    doubtful,
    async (id) => ((await isRunning(client, id)) ? [owners.get(id) ?? ''] : []),
    { concurrency: 8 },
  );
  return new Set([...found, ...confirmed.flat()]);
}

async function listRunning(client: Client, ids: string[]): Promise<string[]> {
  const quoted = ids.map((id) => `'${id}'`).join(', ');
  const query = `ExecutionStatus = 'Running' AND WorkflowId IN (${quoted})`;
  const { executions } = await client.workflowService.listWorkflowExecutions({
    namespace: client.options.namespace,
    query,
    pageSize: ids.length,
  });
  return executions.flatMap(({ execution }) => execution?.workflowId ?? []);
}

async function isRunning(client: Client, id: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(id).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/**
 * Whatever runs of these: their first workflows, which somebody may have reset, and their newest
 * restarts.
 */
async function drop(where: Where, dispatches: DispatchRef[], subscriber: string): Promise<void> {
  const ids = dispatches.flatMap(({ id, restarts }) =>
    [...new Set([0, restarts])].map((nth) => workflowId(where, id, nth)),
  );
  const signal = async (id: string) => {
    try {
      await where.client.workflow.getHandle(id).signal(DROP_SIGNAL, subscriber);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
  await pMap(ids, signal, { concurrency: 8 });
}

/** Starts a workflow that begins like a continued run: with these events only. */
async function restart(
  where: Where,
  dispatch: Dispatch,
  missing: Record<string, string[]>,
  nth: number,
  typedSearchAttributes: SearchAttributePair[],
): Promise<void> {
  const rest = Object.fromEntries(
    Object.entries(missing).map(([name, ids]) => [name, { ids, runs: [] }]),
  );
  try {
    await where.client.workflow.start(workflowName(dispatch.type), {
      taskQueue: where.naming.workflowQueue,
      workflowId: workflowId(where, dispatch.id, nth),
      args: [dispatch, { rest, dead: {} }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: `${dispatch.type}, what was missing`,
      typedSearchAttributes,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
