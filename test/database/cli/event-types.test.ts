import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../whole/cli/run-in-process.ts';
import { OPERATOR, useApi } from '../api/test-api.ts';

const api = useApi();
let server: ReturnType<typeof createAdaptorServer>;
beforeAll(async () => {
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const folder = mkdtempSync(join(tmpdir(), 'knockon-'));
function fileOf(content: unknown): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const knockon = (...words: string[]) =>
  runCommand(['event-types', ...words], {
    KNOCKON_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    KNOCKON_ADMIN_KEY: OPERATOR,
  });

const schema = { type: 'object', properties: { amount: { type: 'integer' } } };

describe('knockon event-types', () => {
  it('makes a type, changes it, and shows it', async () => {
    const words = ['--description', 'It was paid.', '--examples', fileOf([{ amount: 1 }])];
    const made = await knockon('set', 'invoice.paid', '--schema', fileOf(schema), ...words);
    expect(made).toMatchObject({ exitCode: 0, out: 'invoice.paid is now version 1.\n' });
    const again = await knockon('set', 'invoice.paid', '--schema', fileOf(schema));
    expect(again.out).toContain('still version 1');
    const wider = fileOf({ type: 'object' });
    expect((await knockon('set', 'invoice.paid', '--schema', wider)).out).toContain('version 2');
    expect((await knockon()).out).toMatch(/invoice\.paid +2 +api +It was paid\./);
    const { out } = await knockon('show', 'invoice.paid', '--type-version', '1');
    expect(out).toContain('"amount"');
    const { versions } = JSON.parse((await knockon('show', 'invoice.paid', '--json')).out);
    expect(versions).toMatchObject([{ version: 2, description: 'It was paid.' }, { version: 1 }]);
  });

  it('says why a change is refused, and makes it where it is told to', async () => {
    await knockon('set', 'bill.sent', '--schema', fileOf(schema));
    const narrower = ['set', 'bill.sent', '--schema', fileOf({ ...schema, required: ['amount'] })];
    const { exitCode, err } = await knockon(...narrower);
    expect(exitCode).toBe(1);
    expect(err).toContain('schema.properties.amount: is required, and was not before');
    expect((await knockon(...narrower, '--breaking')).out).toContain('now version 2');
  });

  it.each([
    ['a file that is not there', ['set', 'a.done', '--schema', '/nowhere.json'], 2, 'ENOENT'],
    ['what is no JSON', ['set', 'a.done', '--schema', fileOf('{')], 2, "can't be read"],
    [
      'what is no schema',
      ['set', 'a.done', '--schema', fileOf({ type: 'text' })],
      2,
      'schema.type',
    ],
    ['a command', ['set', 'do.it', '--schema', fileOf(schema)], 2, 'past participle'],
    ['a type that there is not', ['show', 'bill.sended'], 1, 'no such event type'],
  ])('refuses %s', async (_, words, code, why) => {
    const { exitCode, err } = await knockon(...words);
    expect(err).toContain(why);
    expect(exitCode).toBe(code);
  });
});
