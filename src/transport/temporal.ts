import {
  type Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import { type Dispatch, WORKFLOW_QUEUE, workflowName } from './dispatch.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import type { DispatchScope, Transport } from './transport.ts';

const eventType = defineSearchAttributeKey('EventType', SearchAttributeType.KEYWORD);
const workspaceId = defineSearchAttributeKey('WorkspaceId', SearchAttributeType.KEYWORD_LIST);
const channelId = defineSearchAttributeKey('ChannelId', SearchAttributeType.KEYWORD_LIST);

/** A search attribute's value may have 2 KB; a UUID in a list takes 39 bytes. What does not fit is found through the outbox. */
const LIST_LIMIT = 48;

/** How to reach Temporal. `apiKey` turns TLS on. */
export function connectionOptions(temporal: { address: string; apiKey: string | undefined }): ConnectionOptions {
  return { address: temporal.address, apiKey: temporal.apiKey, tls: temporal.apiKey !== undefined, connectTimeout: 5000 };
}

/** Longest a call may take, its repetitions included, in ms. */
const CALL_TIMEOUT = 10_000;

/**
 * A connection that is made at its first use and again whenever it is lost: the process starts though Temporal be down. Its calls end
 * within 10 s.
 *
 * The SDK keeps a call's deadline and its namespace's header in an AsyncLocalStorage, and once one is used Node 20 tracks every promise
 * of the process: that alone made each request to the API a fifth dearer. Here both belong to the connection.
 */
export function lazyConnection(temporal: { address: string; apiKey: string | undefined; namespace: string }): Connection {
  const connection = Connection.lazy({
    ...connectionOptions(temporal),
    metadata: { 'temporal-namespace': temporal.namespace },
    interceptors: [limitCalls, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  });
  connection.withMetadata = (_, call) => call();
  return connection;
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

const limitCalls: Interceptor = (options, next) =>
  next({ ...options, deadline: options.deadline ?? Date.now() + CALL_TIMEOUT }) as ReturnType<Interceptor>;

/** One workflow a dispatch, its id the dispatch's. */
export function createTemporalTransport(client: Client): Transport {
  let prepared: Promise<void> | undefined;
  // Asked for once; a failure is forgotten, so that the dispatcher's next try asks again.
  const prepare = () => {
    prepared ??= ensureSearchAttributes(client).catch((error) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };

  return {
    async start(dispatch, scope) {
      await prepare();
      return await startWorkflow(client, dispatch, scope);
    },
    close: () => client.connection.close(),
  };
}

async function startWorkflow(client: Client, dispatch: Dispatch, scope: DispatchScope): Promise<string | null> {
  try {
    const handle = await client.workflow.start(workflowName(dispatch.type), {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: dispatch.id,
      args: [dispatch],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: dispatch.size === 1 ? dispatch.type : `${dispatch.type} × ${dispatch.size}`,
      typedSearchAttributes: searchAttributes(dispatch, scope),
    });
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

function searchAttributes(dispatch: Dispatch, scope: DispatchScope): SearchAttributePair[] {
  const pairs: SearchAttributePair[] = [
    { key: eventType, value: dispatch.type },
    { key: workspaceId, value: scope.workspace_ids.slice(0, LIST_LIMIT) },
  ];
  if (scope.channel_ids.length > 0) pairs.push({ key: channelId, value: scope.channel_ids.slice(0, LIST_LIMIT) });
  return pairs;
}
