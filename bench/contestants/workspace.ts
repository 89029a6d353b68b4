import pMap from 'p-map';
import { postRequest } from '../connection.ts';
import { messages } from '../messages.ts';

/** A channel, and a key of its workspace. */
export interface Place {
  key: string;
  channel: string;
}

/** Channels of workspaces of the bench's own, made through the API, spread evenly. */
export async function makePlaces(
  url: string,
  adminKey: string,
  { workspaces, channels }: { workspaces: number; channels: number },
): Promise<Place[]> {
  const keys = await many(workspaces, async (i) => {
    const { api_key } = await post<{ api_key: string }>(`${url}/v1/workspaces`, adminKey, {
      name: `Bench ${i}`,
    });
    return api_key;
  });
  return await many(channels, async (i) => {
    const key = keys[i % workspaces]!;
    const { id } = await post<{ id: string }>(`${url}/v1/channels`, key, { name: `channel ${i}` });
    return { key, channel: id };
  });
}

const many = <T>(count: number, make: (i: number) => Promise<T>) =>
  pMap(
    Array.from({ length: count }, (_, i) => i),
    make,
    { concurrency: 8 },
  );

/** Messages for all these places in turn. */
export function messageRequests(url: string, places: Place[]): Buffer[] {
  return messages(4000).map((message, i) => {
    const { key, channel } = places[i % places.length]!;
    return postRequest(
      `${url}/v1/channels/${channel}/messages`,
      { authorization: `Bearer ${key}` },
      JSON.stringify(message),
    );
  });
}

/** @throws with the answer where it is not 201 */
export async function post<T>(url: string, key: string, body: object): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`POST ${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
