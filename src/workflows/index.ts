// What Temporal sees. Every run in flight holds us to this code: first read "Change workflow code"
// in docs/guides/upgrades.md.
import type { Dispatch } from '../transport/dispatch.ts';
import { fanOut } from './fan-out.ts';
import type { HandOver } from './hand-over.ts';

export { showLetters } from './open-letters.ts';
export { runOperation } from './operations.ts';

export async function onMessageCreated(dispatch: Dispatch, before?: HandOver): Promise<void> {
  await fanOut(dispatch, before);
}

export async function onMessageUpdated(dispatch: Dispatch, before?: HandOver): Promise<void> {
  await fanOut(dispatch, before);
}

export async function onMessageDeleted(dispatch: Dispatch, before?: HandOver): Promise<void> {
  await fanOut(dispatch, before);
}

export async function onChannelCreated(dispatch: Dispatch, before?: HandOver): Promise<void> {
  await fanOut(dispatch, before);
}

/**
 * Every other event type, those declared tomorrow included: the workflow worker need not know them.
 */
export default async function onEvent(dispatch: Dispatch, before?: HandOver): Promise<void> {
  await fanOut(dispatch, before);
}
