// What Temporal sees. Every run in flight holds us to this code: read CONTRIBUTING.md, "Changing workflow code", first.
import type { Dispatch } from '../transport/dispatch.ts';
import { fanOut } from './fan-out.ts';

export async function onMessageCreated(dispatch: Dispatch): Promise<void> {
  await fanOut(dispatch);
}

export async function onMessageUpdated(dispatch: Dispatch): Promise<void> {
  await fanOut(dispatch);
}

export async function onMessageDeleted(dispatch: Dispatch): Promise<void> {
  await fanOut(dispatch);
}

export async function onChannelCreated(dispatch: Dispatch): Promise<void> {
  await fanOut(dispatch);
}

/** Every other event type, those declared tomorrow included: the workflow worker need not know them. */
export default async function onEvent(dispatch: Dispatch): Promise<void> {
  await fanOut(dispatch);
}
