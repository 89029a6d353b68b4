import { type Api, ApiProblem } from '../api/client.ts';
import { CommandError } from '../terminal/output.ts';
import { NameSet } from './name-set.ts';
import { type OpenMessage, OpenMessages } from './open-messages.ts';

export interface Channel {
  id: string;
  name: string;
}

/**
 * The channel of that name, made where there is none.
 *
 * @throws CommandError, ApiProblem
 */
export async function openChannel(api: Api, name: string): Promise<Channel & { created: boolean }> {
  try {
    const { body } = await api.send<Channel>('POST', '/v1/channels', { body: { name } });
    return { ...body, created: true };
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 409) throw error;
  }
  const wanted = name.trim();
  const named = api.list<Channel>(`/v1/channels?name=${encodeURIComponent(wanted)}`);
  for await (const channel of named)
    if (channel.name === wanted) return { ...channel, created: false };
  throw new CommandError(
    `The API says that there is a channel ${JSON.stringify(name)}, but its list of channels has ` +
      'none.',
  );
}

interface CreatedEvent {
  payload: { metadata?: { import?: { id?: string; bytes?: string; open?: OpenMessage } } };
}

/** What imports have posted into a channel. */
export class Earlier {
  /** Names of messages, see identity.ts. */
  readonly names = new NameSet();
  /** Those that were the last of their logs. */
  readonly open = new OpenMessages();
}

/**
 * All that imports have ever posted into a channel.
 *
 * They are read from the event log, not from the messages: idempotency keys are forgotten after a
 * day, a message can be edited or deleted, and what the log says stays.
 */
export async function importedBefore(api: Api, channelId: string): Promise<Earlier> {
  const earlier = new Earlier();
  const events = api.list<CreatedEvent>(
    `/v1/events?type=message.created&channel_id=${channelId}&after_seq=0`,
  );
  for await (const { payload } of events) {
    const { id, bytes, open } = payload.metadata?.import ?? {};
    for (const name of [id, bytes]) if (typeof name === 'string') earlier.names.add(name);
    if (open) earlier.open.add(open);
  }
  return earlier;
}
