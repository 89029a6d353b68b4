import {
  type Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { type Dispatch, workflowName } from '../dispatch.ts';
import { type Naming, namingOf } from '../naming.ts';
import type { Transport } from '../transport.ts';
import { CODE, codeOf } from './grpc.ts';
import { attributesOf, type SearchAttributes } from './search-attributes.ts';

/** Where Temporal is and how it is reached, in the SDK's own words. */
export interface TemporalServer extends Pick<ConnectionOptions, 'apiKey' | 'tls'> {
  address: string;
  namespace: string;
  /** Headers of each call. */
  metadata?: Record<string, string | Buffer>;
}

/** How to reach Temporal. */
export function connectionOptions({
  address,
  apiKey,
  tls,
  metadata,
}: TemporalServer): ConnectionOptions {
  return { address, apiKey, tls, metadata, connectTimeout: 5000 };
}

/** Longest a call may take, its repetitions included, in ms. */
const CALL_TIMEOUT = 10_000;

/**
 * A connection that is made at its first use and again whenever it is lost: the process starts
 * though Temporal be down. Its calls end within 10 s.
 *
 * The SDK keeps a call's deadline and its namespace's header in an AsyncLocalStorage, and once one
 * is used Node 20 tracks every promise of the process: that alone made each request to the API a
 * fifth dearer. Here both belong to the connection.
 */
export function lazyConnection(temporal: TemporalServer): Connection {
  const connection = Connection.lazy({
    ...connectionOptions(temporal),
    metadata: { ...temporal.metadata, 'temporal-namespace': temporal.namespace },
    interceptors: [limitCalls, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  });
  connection.withMetadata = (_, call) => call();
  return connection;
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

const limitCalls: Interceptor = (options, next) =>
  next({
    ...options,
    deadline: options.deadline ?? Date.now() + CALL_TIMEOUT,
  }) as ReturnType<Interceptor>;

/**
 * One workflow a dispatch, its id the dispatch's. @param naming of the deployment; by default it
 * has no name
 */
export function createTemporalTransport(
  client: Client,
  attributes: SearchAttributes,
  naming = namingOf(undefined),
): Transport {
  return {
    async start(dispatch, scope) {
      try {
        return await attributes.startWith(attributesOf(dispatch.type, scope), (pairs) =>
          startWorkflow({ client, naming }, dispatch, pairs),
        );
      } catch (error) {
        if (codeOf(error) !== CODE.notFound) throw error;
        throw new Error(
          `Temporal has no namespace ${client.options.namespace}: make it, or correct ` +
            'TEMPORAL_NAMESPACE',
          { cause: error },
        );
      }
    },
    close: () => client.connection.close(),
  };
}

type Where = { client: Client; naming: Naming };

async function startWorkflow(
  { client, naming }: Where,
  dispatch: Dispatch,
  typedSearchAttributes: SearchAttributePair[],
): Promise<string | null> {
  try {
    const handle = await client.workflow.start(workflowName(dispatch.type), {
      taskQueue: naming.workflowQueue,
      workflowId: naming.of(dispatch.id),
      args: [dispatch],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: dispatch.size === 1 ? dispatch.type : `${dispatch.type} × ${dispatch.size}`,
      typedSearchAttributes,
    });
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}
