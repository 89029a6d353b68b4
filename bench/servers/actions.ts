import { Client, Connection } from '@temporalio/client';
import pMap from 'p-map';

/**
 * A workflow's history is read for this many at most; of more, evenly picked ones speak for the
 * rest.
 */
const MOST = 400;

/**
 * Temporal actions of the workflows started since `since` (ms since 1970), counted in their
 * histories as Temporal Cloud's price list does: a workflow's start, each attempt of an activity, a
 * timer, a signal or update, a change of search attributes, a marker (local activity, patch), a
 * continue-as-new, two a child workflow. Heartbeats leave no event and are not counted.
 */
export async function countActions(address: string, since: number): Promise<number> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const query = `StartTime >= "${new Date(since).toISOString()}"`;
    const ids: string[] = [];
    for await (const { workflowId } of workflow.list({ query })) ids.push(workflowId);
    const every = Math.max(1, Math.ceil(ids.length / MOST));
    const picked = ids.filter((_, i) => i % every === 0);
    const counts = await pMap(
      picked,
      async (id) => actionsOf((await workflow.getHandle(id).fetchHistory()).events ?? []),
      {
        concurrency: 8,
      },
    );
    return (
      (counts.reduce((sum, count) => sum + count, 0) * ids.length) / Math.max(1, picked.length)
    );
  } finally {
    await connection.close();
  }
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

const prices: Partial<Record<keyof HistoryEvent, number>> = {
  workflowExecutionStartedEventAttributes: 1,
  timerStartedEventAttributes: 1,
  workflowExecutionSignaledEventAttributes: 1,
  workflowExecutionUpdateAcceptedEventAttributes: 1,
  upsertWorkflowSearchAttributesEventAttributes: 1,
  markerRecordedEventAttributes: 1,
  workflowExecutionContinuedAsNewEventAttributes: 1,
  startChildWorkflowExecutionInitiatedEventAttributes: 2,
};

function actionsOf(events: HistoryEvent[]): number {
  const priced = Object.entries(prices) as [keyof HistoryEvent, number][];
  const attempts = (event: HistoryEvent) => event.activityTaskStartedEventAttributes?.attempt ?? 0;
  const price = (event: HistoryEvent) =>
    priced.reduce((sum, [name, actions]) => sum + (event[name] ? actions : 0), 0);
  return events.reduce((sum, event) => sum + attempts(event) + price(event), 0);
}
