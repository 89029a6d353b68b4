import { describe, expect, it } from 'vitest';
import { soon } from '../../harness/customer.ts';
import { subscriberNames } from '../../harness/effect-names.ts';
import { subscribe } from '../../harness/messaging.ts';
import { OPERATOR } from '../../harness/processes.ts';
import { useProduct } from '../../harness/running-product.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';
import { type Ended, runCommand } from '../cli/run-in-process.ts';

const product = useProduct({
  KNOCKON_PAUSED_TOO_LONG: '1ms',
  KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8',
});
/** A command line, with the operator's key. */
async function knockon(line: string, env: Record<string, string> = {}): Promise<Ended> {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  );
  return await runCommand(words, {
    KNOCKON_API_URL: product.url,
    KNOCKON_ADMIN_KEY: OPERATOR,
    ...env,
  });
}

describe('commands that operate', () => {
  it('show a healthy product as such', async () => {
    await expect
      .poll(async () => (await product.ops('GET', 'subscribers/search')).body.workers, soon)
      .toBe(1);
    await expect
      .poll(
        async () =>
          (await product.ops('GET', 'doctor')).body.findings.filter((f: { ok: boolean }) => !f.ok),
        soon,
      )
      .toEqual([]);
    const { exitCode, out } = await knockon('doctor');
    expect(out).toContain('All is well.');
    expect(exitCode).toBe(0);
    for (const check of [
      'database',
      'writes',
      'migrations',
      'clock',
      'disk',
      'temporal',
      'namespace',
      'search attributes',
      'workers',
    ]) {
      expect(out).toMatch(new RegExp(`✓ ${check} `));
    }
    const table = await knockon('subscribers');
    expect(table.out).toMatch(/search +active +effects\.search +0\.2\.0 +1 +0 +– +0 +\d+\.\d +0 %/);
    const listed = JSON.parse((await knockon('subscribers --json')).out) as { name: string }[];
    expect(listed.map(({ name }) => name).sort()).toEqual(subscriberNames);
    expect((await knockon('scale search')).out).toContain('nothing is to be changed');
  });

  it('let the doctor say that nothing can be written, though all can be read', async () => {
    const { pg } = product.own.database;
    await pg`create function refuse() returns trigger language plpgsql as $$ begin raise 'No space left on device' using errcode = '53100'; end $$`;
    await pg`create trigger refuse before insert on knockon.action_log for each statement execute function refuse()`;
    const { exitCode, out } = await knockon('doctor');
    await pg`drop function refuse cascade`;
    expect(out).toMatch(/✗ writes +Postgres takes nothing: no space is left on its disk/);
    expect(exitCode).toBe(1);
    expect(
      (await product.ops('GET', 'log')).body.data.filter(
        (entry: { verb: string }) => entry.verb === 'doctor',
      ),
    ).toEqual([]);
  });

  it('let the doctor name endpoints that fail, without taking their trouble for ours', async () => {
    const { body } = await product.acme.call('POST', '/v1/endpoints', {
      url: 'https://shop.example/hooks',
      event_types: ['*'],
    });
    await product.own.database
      .pg`update knockon.endpoints set failing_since = now() - interval '3 hours', failing_cause = 'HTTP 500' where id = ${body.id}`;
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
    expect(
      (await knockon('pause search --reason "the index is being moved" --until 2h')).out,
    ).toContain('search is paused until');
    const paused = await knockon('subscribers');
    expect(paused.out).toMatch(/search +paused/);
    expect(paused.out).toContain('search was paused by operator');
    expect(paused.out).toContain('the index is being moved');
    const ill = { exitCode: 1, out: expect.stringContaining('`knockon resume search`') };
    await expect.poll(() => knockon('doctor'), soon).toMatchObject(ill);
    const ready = await (await fetch(`${product.url}/readyz`)).json();
    expect(ready).toMatchObject({
      ok: true,
      detail: { paused_too_long: [{ name: 'search', by: 'operator' }] },
    });
    const metrics = await (await fetch(`${product.url}/metrics`)).text();
    expect(metrics).toMatch(/knockon_paused_seconds\{subscriber="search"\} \d+/);
    expect(metrics).toContain('knockon_paused_too_long 1');
    expect((await knockon('resume search')).out).toContain('search goes on');
    expect(JSON.parse((await knockon('limit webhooks 50 --json')).out)).toMatchObject({
      state: 'limited',
      per_second: 50,
    });
    expect((await knockon('subscribers')).out).toMatch(/webhooks +≤ 50\/s/);
    expect((await knockon('limit webhooks off')).out).toContain('no limit');
    expect(await knockon('drain cache')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('nothing of it runs'),
    });
    await knockon('resume cache');
    const log = await knockon('log --limit 3');
    expect(log.out).toMatch(/operator +resume +cache/);
    expect(JSON.parse((await knockon('log --subject search --json')).out)).toMatchObject([
      { verb: 'resume', subject: 'search' },
      { verb: 'pause', by: 'operator', reason: 'the index is being moved' },
    ]);
  });

  it('show, limit, disable, enable and try the endpoints of customers, by id, URL or host', async () => {
    const receiver = await Receiver.start();
    try {
      receiver.answer = (response) =>
        response.writeHead(503, { 'retry-after': '3600' }).end('not now');
      const url = receiver.url();
      const { body } = await product.acme.call('POST', '/v1/endpoints', {
        url,
        event_types: ['message.created'],
      });
      receiver.secret = body.secret;
      const at = new URL(url).host;
      const message = await product.acme.post();
      await expect
        .poll(async () => (await knockon(`endpoints show ${body.id}`)).out, soon)
        .toMatch(/rests until +2/);
      expect((await knockon('endpoints')).out).toMatch(
        new RegExp(`resting +${url} +Acme +HTTP 503, until`),
      );
      const shown = await knockon(`endpoints show ${url}`);
      expect(shown.out).toMatch(/waiting +1 event, the oldest for/);
      expect(shown.out).toMatch(/message\.created +503 .*HTTP 503 +not now/);
      expect((await knockon(`endpoints limit ${at} 50 --concurrency 2 --json`)).out).toMatch(
        /"max_per_second":50,"max_concurrency":2/,
      );
      expect((await knockon(`endpoints limit ${at} off --concurrency off`)).out).toContain(
        'no limit',
      );
      expect(await knockon(`endpoints limit ${at}`)).toMatchObject({
        exitCode: 2,
        err: expect.stringContaining('--concurrency'),
      });
      expect(await knockon(`endpoints try ${at}`)).toMatchObject({
        exitCode: 1,
        out: expect.stringContaining('HTTP 503'),
      });
      receiver.answer = (response) => response.end('thank you');
      expect(await knockon(`endpoints try ${at}`)).toMatchObject({
        exitCode: 0,
        out: expect.stringContaining('1 event delivered; nothing waits'),
      });
      expect((await product.acme.states(message.id)).webhooks).toBe('done');
      expect((await knockon(`endpoints disable ${at} --reason "gone"`)).out).toContain(
        'is disabled',
      );
      expect((await knockon('endpoints --state disabled')).out).toMatch(
        /disabled .*by an operator: gone/,
      );
      expect((await knockon(`endpoints enable ${at}`)).out).toContain(
        'gets what happens from now on',
      );
      const typo = at.replace('127', '172');
      for (const command of [`show ${typo}`, `list --host ${typo}`])
        expect(await knockon(`endpoints ${command}`)).toMatchObject({
          exitCode: 1,
          err: expect.stringContaining(`did you mean ${at}?`),
        });
      await product.acme.call('DELETE', `/v1/endpoints/${body.id}`);
    } finally {
      await receiver.stop();
    }
  });

  it('list, make and take away the keys of customers', async () => {
    const made = await knockon(`keys create --workspace ${product.acme.workspaceId} --name spare`);
    expect(made).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^kn_[\w-]{43}\n$/),
      err: expect.stringContaining('shown this once'),
    });
    const listed = await knockon('keys --workspace Acme');
    expect(listed.out).toContain(made.out.slice(0, 9));
    expect(listed.out).not.toContain(made.out.trim());
    const [{ id }] = JSON.parse((await knockon('keys --workspace Acme --json')).out);
    expect(await knockon(`keys revoke ${id}`)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('--yes'),
    });
    expect(await knockon('keys revoke --workspace Acme --yes')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('--all'),
    });
    expect(await knockon(`keys revoke ${id} --yes --reason "a test"`)).toMatchObject({
      exitCode: 0,
      out: 'Revoked: 1 key of Acme.\n',
    });
    expect(await knockon(`keys revoke ${id} --yes`)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('no such key'),
    });
    expect((await knockon('log --verb "revoke key"')).out).toMatch(
      /operator +revoke key +\S+ +a test/,
    );
  });

  it('of a viewer are refused where they change something, by a sentence', async () => {
    const { body } = await product.ops('POST', 'operators', { name: 'grace', role: 'viewer' });
    const key = { KNOCKON_ADMIN_KEY: body.api_key };
    expect((await knockon('subscribers --json', key)).exitCode).toBe(0);
    expect(await knockon('pause search --reason no', key)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is a viewer's"),
    });
    const listed = await product.ops('GET', 'operators', undefined, body.api_key);
    expect(listed.body.data).toMatchObject([{ name: 'grace', role: 'viewer' }]);
    expect(JSON.stringify(listed.body)).not.toContain(body.api_key);
    expect((await product.ops('DELETE', `operators/${body.id}`)).status).toBe(204);
    expect((await product.ops('GET', 'operators', undefined, body.api_key)).status).toBe(401);
  });

  it('retire a subscriber: finish, discard or hand over what it has open, and take it back', async () => {
    const { pg } = product.own.database;
    const names = ['finishing', 'dropped', 'handing_over', 'heir'];
    // No worker hosts them, so what they are given stays open.
    await subscribe(product.own.database, ...names.map((name) => ({ name })));
    await Promise.all([product.acme.post(), product.acme.post()]);
    const backlog = async (name: string) =>
      (await product.ops('GET', `subscribers/${name}`)).body.backlog;
    for (const name of names) await expect.poll(() => backlog(name), soon).toBeGreaterThan(1);

    expect(await knockon('retire finishing')).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/finishing is retired.*Open: 2 events.*knockon operations /),
    });
    const dropped = await knockon(
      'retire dropped --open discard --yes --reason "nobody reads them"',
    );
    expect(dropped).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/dropped is retired[\s\S]*retire \S+: done, 2 of 2 done/),
    });
    expect(
      (await pg`select reason from knockon.discards where subscriber = 'dropped'`).map(
        (d) => d.reason,
      ),
    ).toEqual(['nobody reads them', 'nobody reads them']);
    // The heir has their events already, and is given nothing twice.
    const handed = await knockon('retire handing_over --open hand_over --to heir --json');
    expect(handed.exitCode).toBe(0);
    expect(JSON.parse(handed.out)).toMatchObject({
      name: 'handing_over',
      state: 'retired',
      backlog: 0,
      retired: { open: 'hand_over', handed_to: 'heir', operation_id: expect.any(String) },
    });
    expect((await knockon('subscribers')).out).toMatch(/handing_over +retired/);
    expect((await knockon('subscribers')).out).toContain('What was open is handed to heir');
    expect(await knockon('retire finishing --undo')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('knockon backfill finishing'),
    });
    expect((await product.ops('GET', 'subscribers/finishing')).body.retired).toBeNull();
    const wrong: [string, string][] = [
      ['--open give-away', 'finish, discard, hand_over'],
      ['--open hand_over', 'needs --to NAME'],
      ['--to finishing', 'needs --open hand_over'],
      ['--open discard --to finishing', 'needs --open hand_over'],
      ['--undo --open discard', 'not both'],
    ];
    for (const [options, err] of wrong)
      expect(await knockon(`retire heir ${options}`)).toMatchObject({
        exitCode: 2,
        err: expect.stringContaining(err),
      });
    expect(await knockon('retire heir --open hand_over --to hier')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('did you mean'),
    });
    expect(await knockon('retire hier')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('did you mean heir?'),
    });
    expect((await product.ops('GET', 'subscribers/heir')).body.retired).toBeNull();
    expect((await knockon('log --limit 20')).out).toMatch(/retire +dropped/);
  });

  it('tell wrong usage, what is not there, and an API that is away apart by their exit codes', async () => {
    expect((await knockon('pause search')).exitCode).toBe(2);
    expect((await knockon('limit search fast')).exitCode).toBe(2);
    expect((await knockon('pause search --reason x --until yesterday')).exitCode).toBe(2);
    expect(await knockon('pause search --reason x --until 5')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('5 what?'),
    });
    expect(await knockon('resume nobody')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('no such subscriber'),
    });
    const named = [
      'resume serch',
      'limit serch 5',
      'pause serch --reason x',
      'scale serch',
      'drain serch',
      'failed -s serch',
    ];
    for (const command of [
      ...named,
      'retry -s serch',
      'replay -s serch --dry-run',
      'backfill serch',
    ])
      expect(await knockon(command)).toMatchObject({
        exitCode: 1,
        err: expect.stringContaining('did you mean search?'),
      });
    expect(await knockon('rebuild serch')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('search, analytics, cache'),
    });
    for (const command of [
      'failed --workspace Acne',
      'keys --workspace Acne',
      'replay --workspace Acne --dry-run',
    ])
      expect(await knockon(command)).toMatchObject({
        exitCode: 1,
        err: expect.stringContaining('did you mean "Acme"?'),
      });
    const away = { KNOCKON_API_URL: 'http://127.0.0.1:9' };
    expect((await knockon('resume search', away)).exitCode).toBe(3);
    expect(await knockon('doctor', away)).toMatchObject({
      exitCode: 3,
      out: expect.stringContaining('✗ api'),
    });
  });
});
