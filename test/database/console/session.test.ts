import { expect, it } from 'vitest';
import { noLimits } from '../../../src/api/limits/index.ts';
import { memoryMeter } from '../../../src/api/limits/meter.ts';
import { createSeal } from '../../../src/seal.ts';
import { OPERATOR, request, useApi } from '../api/test-api.ts';

const api = useApi();
const own = { 'knockon-console': '1' };

const signIn = (key: string, headers: Record<string, string> = own, app = api.app) =>
  request(app, 'POST', '/console/session', { body: { key }, headers });

/** The cookie as a browser sends it. */
async function cookieOf(key: string): Promise<string> {
  const { status, headers } = await signIn(key);
  expect(status).toBe(201);
  return headers.get('set-cookie')!.split(';')[0]!;
}

async function operatorOf(
  role: 'viewer' | 'operator',
  name: string,
): Promise<{ id: string; api_key: string }> {
  return (await api.call('POST', '/v1/ops/operators', { key: OPERATOR, body: { name, role } }))
    .body;
}

const asked = (
  cookie: string,
  method = 'GET',
  path = '/v1/ops/session',
  headers: Record<string, string> = own,
  body?: unknown,
) => request(api.app, method, path, { headers: { cookie, ...headers }, body });

it('signs in with the right key, and gives a cookie that no script reads and no other site sends', async () => {
  const { status, body, headers } = await signIn(OPERATOR);
  expect({ status, body }).toMatchObject({
    status: 201,
    body: { name: 'operator', role: 'operator' },
  });
  const cookie = headers.get('set-cookie')!;
  expect(cookie).toMatch(/; HttpOnly/);
  expect(cookie).toMatch(/; SameSite=Strict/);
  expect(cookie).toMatch(/; Path=\/v1\/ops/);
  expect(cookie).toMatch(/; Max-Age=43200/);
  expect(cookie).not.toMatch(/Secure/);
  expect(decodeURIComponent(cookie)).not.toContain(OPERATOR);
  expect(headers.get('cache-control') ?? 'no-store').toBe('no-store');
  expect((await asked(cookie.split(';')[0]!)).body).toMatchObject({
    name: 'operator',
    role: 'operator',
    expires_at: expect.any(String),
  });
});

it('marks the cookie Secure where the browser came by https, through a proxy too', async () => {
  for (const https of [
    { origin: 'https://ops.example.com' },
    { 'x-forwarded-proto': 'https' },
  ] as Record<string, string>[])
    expect((await signIn(OPERATOR, { ...own, ...https })).headers.get('set-cookie')).toMatch(
      /; Secure/,
    );
});

it('refuses a wrong key, a workspace’s key and what is no key', async () => {
  for (const key of ['wrong', api.key, ` ${'x'.repeat(200)}`]) {
    const { status, headers, body } = await signIn(key);
    expect({ status, type: body.type, cookie: headers.get('set-cookie') }).toEqual({
      status: 401,
      type: 'urn:knockon:problem:wrong-key',
      cookie: null,
    });
  }
  for (const body of [{}, { key: '' }, { key: 42 }, { key: OPERATOR, colour: 'red' }, []])
    expect(
      (await request(api.app, 'POST', '/console/session', { body, headers: own })).status,
    ).toBe(422);
  expect(
    (await request(api.app, 'POST', '/console/session', { body: '{', headers: own })).status,
  ).toBe(400);
});

it('counts wrong keys against the address, until it answers 429; the right one is let in all the same', async () => {
  const limits = {
    ...noLimits,
    keyless: memoryMeter({ requests: 3, seconds: 60 }),
    addressOf: () => '192.0.2.1',
  };
  const app = api.another({ limits });
  expect((await signIn(OPERATOR, own, app)).status).toBe(201);
  for (let i = 0; i < 3; i += 1) expect((await signIn('wrong', own, app)).status).toBe(401);
  const { status, headers } = await signIn('wrong', own, app);
  expect(status).toBe(429);
  expect((await signIn(OPERATOR, own, app)).status).toBe(201);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
});

it('refuses what another page sends in somebody’s name: without the header, or from elsewhere by the browser’s own word', async () => {
  const cookie = await cookieOf(OPERATOR);
  const pause = (headers: Record<string, string>) =>
    asked(cookie, 'POST', '/v1/ops/subscribers/search/pause', headers, { reason: 'mine' });
  for (const headers of [
    {},
    { ...own, 'sec-fetch-site': 'same-site' },
    { ...own, 'sec-fetch-site': 'cross-site' },
    { ...own, 'sec-fetch-site': 'none' },
  ] as Record<string, string>[]) {
    const answer = await pause(headers);
    expect({ status: answer.status, type: answer.body.type }).toEqual({
      status: 403,
      type: 'urn:knockon:problem:forgery',
    });
    expect((await signIn(OPERATOR, headers)).status).toBe(403);
  }
  expect((await pause({ ...own, 'sec-fetch-site': 'same-origin' })).status).toBe(404);
  expect((await asked(cookie, 'GET', '/v1/ops/log', {})).status).toBe(200);
});

it('lets a viewer look and sign out, and do nothing else', async () => {
  const { api_key } = await operatorOf('viewer', 'vera');
  const cookie = await cookieOf(api_key);
  expect((await asked(cookie)).body).toMatchObject({ name: 'vera', role: 'viewer' });
  const answer = await asked(cookie, 'POST', '/v1/ops/subscribers/search/resume');
  expect({ status: answer.status, type: answer.body.type }).toEqual({
    status: 403,
    type: 'urn:knockon:problem:viewer',
  });
  expect((await asked(cookie, 'DELETE')).status).toBe(204);
});

it('ends a session at signing out, also for whoever has copied the cookie', async () => {
  const cookie = await cookieOf(OPERATOR);
  const { status, headers } = await asked(cookie, 'DELETE');
  expect(status).toBe(204);
  expect(headers.get('set-cookie')).toMatch(/Max-Age=0.*Path=\/v1\/ops/);
  expect((await asked(cookie)).status).toBe(401);
});

it('ends the sessions of an operator who is deleted, and of everybody who knew an operator’s key that was changed', async () => {
  const { id, api_key } = await operatorOf('operator', 'otto');
  const [his, ours] = [await cookieOf(api_key), await cookieOf(OPERATOR)];
  expect((await asked(his)).status).toBe(200);
  await api.call('DELETE', `/v1/ops/operators/${id}`, { key: OPERATOR });
  expect((await asked(his)).status).toBe(401);
  const changed = api.another({ adminKey: 'another key of the operator' });
  expect(
    (await request(changed, 'GET', '/v1/ops/session', { headers: { cookie: ours } })).status,
  ).toBe(401);
});

it('ends a session when its time is over', async () => {
  const cookie = await cookieOf(OPERATOR);
  await api.database.pg`update knockon.sessions set expires_at = now() - interval '1 second'`;
  expect((await asked(cookie)).status).toBe(401);
  await cookieOf(OPERATOR);
  expect(await api.database.pg`select from knockon.sessions where expires_at < now()`).toHaveLength(
    0,
  );
});

it('takes no cookie that it has not sealed, and no cookie of its own for a workspace’s calls', async () => {
  const cookie = await cookieOf(OPERATOR);
  const [name, sealed] = cookie.split('=');
  const changed = `${sealed!.slice(0, 40)}${sealed![40] === 'A' ? 'B' : 'A'}${sealed!.slice(41)}`;
  const forged = createSeal('another secret that is long enough too').close(
    JSON.stringify({ session: 'x', admin: 'x' }),
  );
  for (const value of ['', 'x', '%00', encodeURIComponent(forged), changed])
    expect((await asked(`${name}=${value}`)).status).toBe(401);
  expect((await asked(cookie, 'GET', '/v1/channels')).status).toBe(401);
  expect((await asked(cookie, 'POST', '/v1/workspaces', own, { name: 'Acme' })).status).toBe(401);
});

it('minds the key that is sent, where there is a cookie too', async () => {
  const cookie = await cookieOf(OPERATOR);
  expect(
    (await asked(cookie, 'GET', '/v1/ops/session', { authorization: 'Bearer wrong' })).status,
  ).toBe(401);
});
