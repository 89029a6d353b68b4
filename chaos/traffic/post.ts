import type { Client } from './client.ts';
import type { Accepted, Journal } from './journal.ts';
import type { Workspace } from './workspace.ts';

/** A message that is posted once, and neither edited nor deleted. */
export interface Plain {
  workspace: Workspace;
  channel_id: string;
  author: string;
  text: string;
  /** A word of the text that no other text has; its Idempotency-Key too. */
  word: string;
  /** What the call is for, where somebody counts. */
  what?: string;
}

/**
 * Posts until it is answered, and writes down what was.
 *
 * @returns undefined where it was refused
 * @throws where no answer comes any more
 */
export async function post(
  { client, journal }: { client: Client; journal: Journal },
  plain: Plain,
): Promise<Accepted | undefined> {
  const { workspace, channel_id, author, text, word, what } = plain;
  const path = `/v1/channels/${channel_id}/messages`;
  const call = {
    method: 'POST',
    path,
    key: workspace.key,
    body: { author, text },
    once: word,
    what,
  };
  journal.unanswered.add(word);
  const { status, body } = await client.call(call);
  journal.unanswered.delete(word);
  if (status !== 201) {
    journal.complain(`a message was answered ${status}: ${JSON.stringify(body)}`);
    return undefined;
  }
  const { id, event_id, seq } = body as { id: string; event_id: string; seq: number };
  const state = { mention: null, former: [], edits: 0, isDeleted: false, isUnsure: false };
  const message: Accepted = {
    id,
    event_id,
    seq,
    channel_id,
    workspace,
    author,
    text,
    word,
    ...state,
  };
  journal.messages.push(message);
  return message;
}
