import pMap from 'p-map';
import { postRequest } from '../connection.ts';
import { messages } from '../messages.ts';

/** A workspace of the bench's own, made through the API. */
export interface Workspace {
  url: string;
  api_key: string;
  /** A channel of it, made when it is first asked for. */
  channel(): Promise<string>;
}

export async function openWorkspace(url: string, adminKey: string): Promise<Workspace> {
  const { api_key } = await post<{ api_key: string }>(`${url}/v1/workspaces`, adminKey, { name: 'Bench' });
  let channel: Promise<string> | undefined;
  return {
    url,
    api_key,
    channel: () => {
      channel ??= makeChannel(url, api_key, 'general');
      return channel;
    },
  };
}

const makeChannel = async (url: string, key: string, name: string) => (await post<{ id: string }>(`${url}/v1/channels`, key, { name })).id;

interface Spread {
  workspaces: number;
  channels: number;
}

/** Messages for as many channels of as many workspaces as the shape has, spread evenly. */
export async function messageRequests(url: string, adminKey: string, { workspaces, channels }: Spread): Promise<Buffer[]> {
  const keys = await many(workspaces, async () => (await openWorkspace(url, adminKey)).api_key);
  const places = await many(channels, async (i) => {
    const key = keys[i % workspaces]!;
    return { key, channel: await makeChannel(url, key, `channel ${i}`) };
  });
  return messages(4000).map((message, i) => {
    const { key, channel } = places[i % channels]!;
    return postRequest(`${url}/v1/channels/${channel}/messages`, { authorization: `Bearer ${key}` }, JSON.stringify(message));
  });
}

const many = <T>(count: number, make: (i: number) => Promise<T>) =>
  pMap(
    Array.from({ length: count }, (_, i) => i),
    make,
    { concurrency: 8 },
  );

/** @throws with the answer where it is not 201 */
export async function post<T>(url: string, key: string, body: object): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`POST ${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
