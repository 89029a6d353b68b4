import type { Client } from '../traffic/client.ts';
import type { Receiver } from '../traffic/receiver.ts';
import type { Workspace } from '../traffic/workspace.ts';

/** What the good one may show beside its workspace's key. */
export interface Credentials {
  adminKey: string;
  /** Keys of its workspace that no process has seen since they were made. */
  freshKeys: string[];
  /** Of a session of the console. */
  cookie: string;
}

const FRESH_KEYS = 120;
const CHANNELS = 3;

interface Setting {
  client: Client;
  receiver: Receiver;
  adminKey: string;
  apiUrl: string;
}

/** A workspace with a fast endpoint, three channels, and all that lets somebody in. */
export async function setUpGoodCustomer({
  client,
  receiver,
  adminKey,
  apiUrl,
}: Setting): Promise<{ workspace: Workspace; credentials: Credentials }> {
  const create = async (key: string, path: string, body: object) => {
    const { status, body: made } = await client.call({ method: 'POST', path, key, body });
    if (status !== 201)
      throw new Error(`POST ${path} was answered ${status}: ${JSON.stringify(made)}`);
    return made as { id: string; api_key: string; secret: string };
  };
  const { id, api_key: key } = await create(adminKey, '/v1/workspaces', { name: 'Good' });
  const hook = receiver.open(id, ['message.created']);
  hook.verifyWith(
    (await create(key, '/v1/endpoints', { url: hook.url, event_types: hook.types })).secret,
  );
  const [channels, freshKeys]: [string[], string[]] = [[], []];
  for (let n = 1; n <= CHANNELS; n += 1)
    channels.push((await create(key, '/v1/channels', { name: `channel ${n}` })).id);
  for (let n = 1; n <= FRESH_KEYS; n += 1)
    freshKeys.push((await create(key, '/v1/api_keys', { name: `key ${n}` })).api_key);
  return {
    workspace: { id, key, channels },
    credentials: { adminKey, freshKeys, cookie: await signIn(apiUrl, adminKey) },
  };
}

async function signIn(apiUrl: string, key: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'knockon-console': '1' };
  const answer = await fetch(`${apiUrl}/console/session`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ key }),
  });
  const [cookie] = answer.headers.getSetCookie();
  if (answer.status !== 201 || !cookie)
    throw new Error(`signing in was answered ${answer.status}: ${await answer.text()}`);
  return cookie.split(';')[0]!;
}
