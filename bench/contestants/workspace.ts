import pMap from 'p-map';
import { postRequest } from '../connection.ts';
import { messages } from '../messages.ts';
import type { Shape } from './contestant.ts';

/** A workspace of the bench's own, made through the API. */
export interface Workspace {
  url: string;
  api_key: string;
  channels(count: number): Promise<string[]>;
}

export async function openWorkspace(url: string, adminKey: string): Promise<Workspace> {
  const { api_key } = await post<{ api_key: string }>(`${url}/v1/workspaces`, adminKey, { name: 'Bench' });
  const channels = (count: number) => {
    const names = Array.from({ length: count }, (_, i) => `${count}-${i}`);
    return pMap(names, async (name) => (await post<{ id: string }>(`${url}/v1/channels`, api_key, { name })).id, { concurrency: 8 });
  };
  return { url, api_key, channels };
}

/** Messages for as many channels as the shape has, spread evenly. */
export async function messageRequests(workspace: Workspace, shape: Shape): Promise<Buffer[]> {
  const channels = await workspace.channels(shape);
  const headers = { authorization: `Bearer ${workspace.api_key}` };
  return messages(4000).map((message, i) =>
    postRequest(`${workspace.url}/v1/channels/${channels[i % shape]}/messages`, headers, JSON.stringify(message)),
  );
}

/** @throws with the answer where it is not 201 */
export async function post<T>(url: string, key: string, body: object): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`POST ${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
