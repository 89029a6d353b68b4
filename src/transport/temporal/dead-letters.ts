import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import {
  LETTERS_SIGNAL,
  LETTERS_WORKFLOW,
  lettersWorkflowId,
  type OpenLetters,
} from '../dispatch.ts';
import type { Naming } from '../naming.ts';
import type { LetterBoard } from '../transport.ts';
import { attributesOfLetters, openLetters, type SearchAttributes } from './search-attributes.ts';

/** Those of our deployment alone: another may share the namespace. */
const shownNow = (naming: Naming) =>
  `WorkflowType = '${LETTERS_WORKFLOW}' AND ExecutionStatus = 'Running' AND WorkflowId ` +
  `STARTS_WITH '${naming.of(lettersWorkflowId(''))}'`;

/**
 * A workflow for each dispatch that has open dead letters, for as long as it has them. The
 * dispatch's own workflow can't say so once it has ended.
 */
export function temporalOpenLetters(
  client: Client,
  attributes: SearchAttributes,
  naming: Naming,
): LetterBoard {
  const show = (id: string, letters: OpenLetters) =>
    attributes.startWith(attributesOfLetters(letters), (typedSearchAttributes) =>
      client.workflow.signalWithStart(LETTERS_WORKFLOW, {
        taskQueue: naming.workflowQueue,
        workflowId: id,
        args: [letters],
        signal: LETTERS_SIGNAL,
        signalArgs: [letters],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: 'open dead letters',
        typedSearchAttributes,
      }),
    );
  return {
    async show(open) {
      const shown = await shownLetters(client, naming);
      const wanted = new Map(
        [...open].map(([dispatchId, letters]) => [
          naming.of(lettersWorkflowId(dispatchId)),
          letters,
        ]),
      );
      const changed = [...wanted].filter(
        ([id, letters]) => !shown.has(id) || (shown.get(id) ?? letters.open) !== letters.open,
      );
      const over = [...shown.keys()].filter((id) => !wanted.has(id));
      await pMap(changed, ([id, letters]) => show(id, letters), { concurrency: 4 });
      await pMap(over, (id) => takeDown(client, id), { concurrency: 4 });
    },
  };
}

/** Ids of those workflows, with what each says is open; undefined where it may not say. */
async function shownLetters(
  client: Client,
  naming: Naming,
): Promise<Map<string, number | undefined>> {
  const shown = new Map<string, number | undefined>();
  for await (const { workflowId, typedSearchAttributes } of client.workflow.list({
    query: shownNow(naming),
  }))
    shown.set(workflowId, typedSearchAttributes.get(openLetters));
  return shown;
}

/** The list lags behind by a moment: it may have ended already. */
async function takeDown(client: Client, id: string): Promise<void> {
  try {
    await client.workflow
      .getHandle(id)
      .signal(LETTERS_SIGNAL, { open: 0, effects: [] } satisfies OpenLetters);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
