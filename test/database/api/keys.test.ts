import { eq } from 'drizzle-orm';
import pino from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { createKeyring } from '../../../src/api/keys.ts';
import { apiKeys } from '../../../src/db/schema/workspaces.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

const lines: string[] = [];
const api = useApi({ log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }) });

describe('keys', () => {
  test('carry 256 bits of chance behind kn_, and are shown once', async () => {
    const { body } = await api.call('POST', '/v1/api_keys', { body: { name: 'spare' } });
    expect(body.api_key).toMatch(/^kn_[\w-]{43}$/);
    const { body: list } = await api.call('GET', '/v1/api_keys');
    expect(list.data[0]).toEqual({
      id: body.id,
      name: 'spare',
      prefix: body.api_key.slice(0, 9),
      created_at: body.created_at,
    });
    expect(JSON.stringify(list)).not.toContain(body.api_key);
  });

  test('are stored as their hash alone', async () => {
    const { body } = await api.call('POST', '/v1/api_keys', { body: { name: 'hashed' } });
    const [row] = await api.database.db.select().from(apiKeys).where(eq(apiKeys.id, body.id));
    expect(row!.hash).toHaveLength(32);
    expect(JSON.stringify(row)).not.toContain(body.api_key.slice(9));
  });

  test('stop working in this process the moment they are deleted, and may delete themselves', async () => {
    const { body } = await api.call('POST', '/v1/api_keys', { body: {} });
    expect((await api.call('GET', '/v1/channels', { key: body.api_key })).status).toBe(200);
    expect(
      (await api.call('DELETE', `/v1/api_keys/${body.id}`, { key: body.api_key })).status,
    ).toBe(204);
    expect((await api.call('GET', '/v1/channels', { key: body.api_key })).status).toBe(401);
    expect((await api.call('DELETE', `/v1/api_keys/${body.id}`)).status).toBe(404);
  });

  test('can not all be deleted: the last one stays, with the reason', async () => {
    const { api_key: key } = await api.workspace();
    const { body: list } = await api.call('GET', '/v1/api_keys', { key });
    const answer = await api.call('DELETE', `/v1/api_keys/${list.data[0].id}`, { key });
    expect(answer).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('last key') },
    });
    expect((await api.call('GET', '/v1/channels', { key })).status).toBe(200);
  });

  test('that delete each other at the same moment leave one of them', async () => {
    const { api_key: first } = await api.workspace();
    const { body: second } = await api.call('POST', '/v1/api_keys', { key: first, body: {} });
    const { body: list } = await api.call('GET', '/v1/api_keys', { key: first });
    const other = list.data.find(({ id }: { id: string }) => id !== second.id).id;
    // Both are known by then: one that is looked up after the other's deletion is a wrong key.
    expect((await api.call('GET', '/v1/channels', { key: second.api_key })).status).toBe(200);
    const answers = await Promise.all([
      api.call('DELETE', `/v1/api_keys/${other}`, { key: second.api_key }),
      api.call('DELETE', `/v1/api_keys/${second.id}`, { key: first }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
  });

  test('that another process has deleted are found out within seconds', async () => {
    const { body } = await api.call('POST', '/v1/api_keys', { body: {} });
    const elsewhere = api.another();
    const ask = () => request(elsewhere, 'GET', '/v1/channels', { key: body.api_key });
    expect((await ask()).status).toBe(200);
    await api.call('DELETE', `/v1/api_keys/${body.id}`);
    await expect
      .poll(async () => (await ask()).status, { timeout: 6_000, interval: 100 })
      .toBe(401);
  });

  test('in use are asked about together once a second, and a deleted one is found out so', async () => {
    const keys: { id: string; api_key: string }[] = [];
    for (let i = 0; i < 20; i += 1)
      keys.push((await api.call('POST', '/v1/api_keys', { body: {} })).body);
    const asked = vi.spyOn(api.database.db, 'execute');
    const keyring = createKeyring(api.database);
    await Promise.all(keys.map(({ api_key }) => keyring.find(api_key)));
    expect(asked.mock.calls.length).toBeLessThanOrEqual(2);
    const began = performance.now();
    const recalled = () => keys.filter(({ api_key }) => keyring.recall(api_key)).length;
    // Longer than a key is remembered by itself.
    await expect
      .poll(() => recalled() === 20 && performance.now() - began > 3_500, {
        timeout: 10_000,
        interval: 20,
      })
      .toBe(true);
    expect(asked.mock.calls.length).toBeLessThan(2 + 8);
    await api.call('DELETE', `/v1/api_keys/${keys[0]!.id}`);
    await expect.poll(recalled, { timeout: 2_500, interval: 20 }).toBe(19);
    asked.mockRestore();
  });

  test('never stand in the log, nor in an answer that refuses them', async () => {
    const wrong = 'kn_this-key-is-wrong-but-secret-all-the-same';
    const answers = [
      await api.call('GET', '/v1/channels', { key: wrong }),
      await api.call('POST', '/v1/workspaces', { key: wrong, body: {} }),
      await api.call('GET', '/v1/channels?limit=x'),
    ];
    for (const secret of [wrong, OPERATOR, api.key]) {
      expect(lines.join()).not.toContain(secret);
      expect(JSON.stringify(answers.map(({ body }) => body))).not.toContain(secret);
    }
  });
});
