import { type Home, readJson, writeJson } from '../files/home.ts';

/** Made through the API at the first start, and kept. */
export interface DemoWorkspace {
  workspace_id: string;
  api_key: string;
  /** The channel `general`. */
  channel_id: string;
}

/**
 * The workspace to play with: the one of former starts where its key still works, or a new one with
 * a channel `general` and a member `ada` who has an address, so that mentioning her leads to a
 * mail.
 *
 * @throws with what the API said where it refuses
 */
export async function demoWorkspace(
  home: Home,
  apiUrl: string,
  adminKey: string,
): Promise<DemoWorkspace> {
  const kept = await readJson<DemoWorkspace>(home.path('demo.json'));
  if (kept && (await stillThere(apiUrl, kept))) return kept;
  const workspace = await call<{ id: string; api_key: string }>(
    apiUrl,
    adminKey,
    'POST',
    '/v1/workspaces',
    { name: 'Demo' },
  );
  const channel = await call<{ id: string }>(apiUrl, workspace.api_key, 'POST', '/v1/channels', {
    name: 'general',
  });
  const ada = { email: 'ada@example.com', display_name: 'Ada', emails: 'mentions' };
  await call(apiUrl, workspace.api_key, 'PUT', '/v1/members/ada', ada);
  const made = { workspace_id: workspace.id, api_key: workspace.api_key, channel_id: channel.id };
  writeJson(home.path('demo.json'), made);
  return made;
}

async function stillThere(
  apiUrl: string,
  { api_key, channel_id }: DemoWorkspace,
): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/v1/channels/${channel_id}`, {
    headers: { authorization: `Bearer ${api_key}` },
  });
  await answer.arrayBuffer();
  if (answer.ok) return true;
  if (answer.status === 401 || answer.status === 404) return false;
  throw new Error(`GET /v1/channels answered ${answer.status}`);
}

async function call<T>(
  apiUrl: string,
  key: string,
  method: string,
  path: string,
  body: object,
): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(apiUrl + path, { method, headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
