import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPERATOR } from '../harness/processes.ts';
import { soon } from '../whole/product.ts';
import { useProduct } from './running.ts';

const product = useProduct({ KNOCKON_PAUSED_TOO_LONG: '1ms' });
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');

/** The command as a process of its own, with the operator's key. */
async function knockon(line: string, env: Record<string, string> = {}): Promise<{ exitCode: number | null; out: string; err: string }> {
  const given = { PATH: process.env.PATH, KNOCKON_API_URL: product.url, KNOCKON_ADMIN_KEY: OPERATOR, ...env };
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const child = spawn(process.execPath, ['--import', tsx, main, ...args], { cwd: tmpdir(), env: given, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  return await new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, ...said })));
}

describe('commands that operate', () => {
  it('show a healthy product as such', async () => {
    await expect.poll(async () => (await product.ops('GET', 'subscribers/search')).body.workers, soon).toBe(1);
    await expect
      .poll(async () => (await product.ops('GET', 'doctor')).body.findings.filter((f: { ok: boolean }) => !f.ok), soon)
      .toEqual([]);
    const { exitCode, out } = await knockon('doctor');
    expect(out).toContain('All is well.');
    expect(exitCode).toBe(0);
    for (const check of ['database', 'writes', 'migrations', 'clock', 'disk', 'temporal', 'namespace', 'search attributes', 'workers']) {
      expect(out).toMatch(new RegExp(`✓ ${check} `));
    }
    const table = await knockon('subscribers');
    expect(table.out).toMatch(/search +active +effects\.search +0\.1\.0 +1 +0 +– +0 +\d+\.\d +0 %/);
    expect(JSON.parse((await knockon('subscribers --json')).out)).toHaveLength(6);
    expect((await knockon('scale search')).out).toContain('nothing is to be changed');
  });

  it('let the doctor say that nothing can be written, though all can be read', async () => {
    const { sql } = product.own.database;
    await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'No space left on device' using errcode = '53100'; end $$`;
    await sql`create trigger refuse before insert on operations_log for each statement execute function refuse()`;
    const { exitCode, out } = await knockon('doctor');
    await sql`drop function refuse cascade`;
    expect(out).toMatch(/✗ writes +Postgres takes nothing: No space left on device/);
    expect(exitCode).toBe(1);
    expect((await product.ops('GET', 'log')).body.data.filter((entry: { verb: string }) => entry.verb === 'doctor')).toEqual([]);
  });

  it('let the doctor name endpoints that fail, without taking their trouble for ours', async () => {
    const { body } = await product.acme.call('POST', '/v1/endpoints', { url: 'https://shop.example/hooks', event_types: ['*'] });
    await product.own.database
      .sql`update endpoints set failing_since = now() - interval '3 hours', failing_cause = 'HTTP 500' where id = ${body.id}`;
    const { findings } = (await product.ops('GET', 'doctor')).body;
    await product.acme.call('DELETE', `/v1/endpoints/${body.id}`);
    expect(findings.find((f: { check: string }) => f.check === 'endpoints')).toEqual({
      check: 'endpoints',
      ok: true,
      detail: `1 failing, and left alone: ${body.id} https://shop.example/hooks (HTTP 500, for 3 h)`,
      remedy: null,
    });
  });

  it('pause, limit, resume and drain, and the log says who did it and why', async () => {
    expect((await knockon('pause search --reason "the index is being moved" --until 2h')).out).toContain('search is paused until');
    const paused = await knockon('subscribers');
    expect(paused.out).toMatch(/search +paused/);
    expect(paused.out).toContain('search was paused by operator');
    expect(paused.out).toContain('the index is being moved');
    const ill = await knockon('doctor');
    expect(ill).toMatchObject({ exitCode: 1, out: expect.stringContaining('`knockon resume search`') });
    const ready = await (await fetch(`${product.url}/readyz`)).json();
    expect(ready).toMatchObject({ ok: true, detail: { paused_too_long: [{ name: 'search', by: 'operator' }] } });
    const metrics = await (await fetch(`${product.url}/metrics`)).text();
    expect(metrics).toMatch(/knockon_paused_seconds\{subscriber="search"\} \d+/);
    expect(metrics).toContain('knockon_paused_too_long 1');
    expect((await knockon('resume search')).out).toContain('search goes on');
    expect(JSON.parse((await knockon('limit webhooks 50 --json')).out)).toMatchObject({ state: 'limited', per_second: 50 });
    expect((await knockon('subscribers')).out).toMatch(/webhooks +≤ 50\/s/);
    expect((await knockon('limit webhooks off')).out).toContain('no limit');
    expect(await knockon('drain cache')).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing of it runs') });
    await knockon('resume cache');
    const log = await knockon('log --limit 3');
    expect(log.out).toMatch(/operator +resume +cache/);
    expect(JSON.parse((await knockon('log --subject search --json')).out)).toMatchObject([
      { verb: 'resume', subject: 'search' },
      { verb: 'pause', by: 'operator', reason: 'the index is being moved' },
    ]);
  });

  it('of a viewer are refused where they change something, by a sentence', async () => {
    const { body } = await product.ops('POST', 'operators', { name: 'grace', role: 'viewer' });
    const key = { KNOCKON_ADMIN_KEY: body.api_key };
    expect((await knockon('subscribers --json', key)).exitCode).toBe(0);
    expect(await knockon('pause search --reason no', key)).toMatchObject({ exitCode: 1, err: expect.stringContaining("is a viewer's") });
    const listed = await product.ops('GET', 'operators', undefined, body.api_key);
    expect(listed.body.data).toMatchObject([{ name: 'grace', role: 'viewer' }]);
    expect(JSON.stringify(listed.body)).not.toContain(body.api_key);
    expect((await product.ops('DELETE', `operators/${body.id}`)).status).toBe(204);
    expect((await product.ops('GET', 'operators', undefined, body.api_key)).status).toBe(401);
  });

  it('tell wrong usage, what is not there, and an API that is away apart by their exit codes', async () => {
    expect((await knockon('pause search')).exitCode).toBe(2);
    expect((await knockon('limit search fast')).exitCode).toBe(2);
    expect((await knockon('pause search --reason x --until yesterday')).exitCode).toBe(2);
    expect(await knockon('pause search --reason x --until 5')).toMatchObject({ exitCode: 2, err: expect.stringContaining('5 what?') });
    expect(await knockon('resume nobody')).toMatchObject({ exitCode: 1, err: expect.stringContaining('no such subscriber') });
    for (const command of ['resume serch', 'limit serch 5', 'pause serch --reason x', 'scale serch'])
      expect(await knockon(command)).toMatchObject({ exitCode: 1, err: expect.stringContaining('did you mean search?') });
    const away = { KNOCKON_API_URL: 'http://127.0.0.1:9' };
    expect((await knockon('resume search', away)).exitCode).toBe(3);
    expect(await knockon('doctor', away)).toMatchObject({ exitCode: 3, out: expect.stringContaining('✗ api') });
  });
});
