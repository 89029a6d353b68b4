import type { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

const { INDEXED_VALUE_TYPE_KEYWORD: KEYWORD, INDEXED_VALUE_TYPE_KEYWORD_LIST: KEYWORD_LIST } = proto.temporal.api.enums.v1.IndexedValueType;

/** By what dispatches are found in Temporal. `FailedEffects` is set by the workflow, the others at its start. */
export const searchAttributes = { EventType: KEYWORD, WorkspaceId: KEYWORD_LIST, ChannelId: KEYWORD_LIST, FailedEffects: KEYWORD_LIST };

/** Registers our search attributes in the client's namespace where they are missing. */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const { namespace } = client.options;
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(searchAttributes).filter(([name]) => !(name in (customAttributes ?? {})));
  if (missing.length > 0) await operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing) });
}
