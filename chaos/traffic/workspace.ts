import type { Client } from './client.ts';
import type { Receiver } from './receiver.ts';

/** A customer: a key, members who can be mentioned, channels, endpoints. */
export interface Workspace {
  id: string;
  key: string;
  channels: string[];
}

/** Who writes, and who is mentioned. */
export const people = ['ada', 'edsger', 'grace', 'linus', 'margaret'] as const;

export const addressOf = (handle: string) => `${handle}@example.com`;

/** Which event types each workspace's endpoints want. */
const ENDPOINTS: string[][][] = [
  [['*']],
  [['message.created'], ['message.updated', 'message.deleted']],
  [['*']],
  [],
];

const CHANNELS = 3;

/** Customers whose endpoints are there before anything happens, so that each wants all there is. */
export async function openWorkspaces(
  client: Client,
  receiver: Receiver,
  adminKey: string,
): Promise<Workspace[]> {
  return await Promise.all(
    ENDPOINTS.map((endpoints, n) =>
      openWorkspace(client, { receiver, adminKey, name: `Customer ${n}`, endpoints }),
    ),
  );
}

interface Opening {
  receiver: Receiver;
  adminKey: string;
  name: string;
  endpoints: string[][];
}

async function openWorkspace(
  client: Client,
  { receiver, adminKey, name, endpoints }: Opening,
): Promise<Workspace> {
  const create = async (key: string, path: string, body: object) => {
    const { status, body: made } = await client.call({
      method: 'POST',
      path,
      key,
      body,
      once: `${path} ${JSON.stringify(body)}`,
    });
    if (status !== 201)
      throw new Error(`POST ${path} was answered ${status}: ${JSON.stringify(made)}`);
    return made as { id: string; api_key: string; secret: string };
  };
  const { id, api_key: key } = await create(adminKey, '/v1/workspaces', { name });
  for (const types of endpoints) {
    const hook = receiver.open(id, types);
    hook.verifyWith(
      (await create(key, '/v1/endpoints', { url: hook.url, event_types: types })).secret,
    );
  }
  for (const handle of people)
    await client.call({
      method: 'PUT',
      path: `/v1/members/${handle}`,
      key,
      body: { email: addressOf(handle) },
    });
  const channels: string[] = [];
  for (let n = 1; n <= CHANNELS; n += 1)
    channels.push((await create(key, '/v1/channels', { name: `channel ${n}` })).id);
  return { id, key, channels };
}
