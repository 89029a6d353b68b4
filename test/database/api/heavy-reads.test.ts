import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditKey } from '../../../src/activities/audit/hash.ts';
import { verifyAudit } from '../../../src/activities/audit/verify.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { createHeavy, type Heavy } from '../../../src/db/heavy/heavy.ts';
import { documentOf } from '../../../src/text/search/postgres.ts';
import { aLongChain, aLongHistory, everyWord, served } from './heavy-data.ts';
import { OPERATOR, useApi } from './test-api.ts';

const key = auditKey('a secret that is long enough for a test');
const NAME = 'heavy of a test';
const CHAIN = 6_000;
const api = useApi();

let own: Database;
let heavy: Heavy;
let pages = 0;
let server: Awaited<ReturnType<typeof served>>;
let bad: Workspace;
let good: Workspace;

interface Workspace {
  id: string;
  api_key: string;
  channel: string;
}

async function aWorkspace(): Promise<Workspace> {
  const { id, api_key } = await api.workspace();
  const { body } = await api.call('POST', '/v1/channels', {
    key: api_key,
    body: { name: 'general' },
  });
  return { id, api_key, channel: body.id };
}

/** Posts a text and has it found, without its effect's worker. */
async function indexed({ id, api_key, channel }: Workspace, text: string): Promise<string> {
  const posted = await api.post(channel, { text }, { key: api_key });
  await api.database.pg`
    insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
    select id, ${id}, channel_id, author, sent_at, 1, ${documentOf({ text, author: 'ada' })}::tsvector from knockon.messages where id = ${posted.body.id}`;
  return posted.body.id;
}

beforeAll(async () => {
  own = connectDatabase(api.url, { name: NAME, connections: 2 });
  const real = createHeavy(own);
  heavy = {
    ...real,
    read: (asked, work) => {
      pages += 1;
      return real.read(asked, work);
    },
  };
  [bad, good] = [await aWorkspace(), await aWorkspace()];
  await indexed(good, 'the deploy is done');
  await aLongHistory(api.database, { workspaceId: bad.id, channelId: bad.channel }, 300);
  await aLongChain(api.database, key, bad.id, CHAIN);
  server = await served(api.another({ heavy, verifyAudit: verifyAudit({ heavy, key }) }));
}, 120_000);
afterAll(async () => {
  await server?.close();
  await own?.close();
});

async function get(path: string, { api_key }: Workspace, signal?: AbortSignal) {
  const began = performance.now();
  const response = await fetch(server.url + path, {
    headers: { authorization: `Bearer ${api_key}` },
    signal,
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
  const body = (await response.json()) as any;
  return {
    status: response.status,
    headers: response.headers,
    body,
    ms: performance.now() - began,
  };
}

/** The distance of each word from each other one is looked at, in every message. */
const expensive = () => `/v1/search?q=${encodeURIComponent(everyWord(' '))}`;

/** What runs on the connections for heavy work. */
const atWork = async () =>
  (
    await api.database
      .pg`select pid from pg_stat_activity where application_name = ${NAME} and state <> 'idle' and query like '%ts_rank%'`
  ).length;

/**
 * How long the others wait while something runs: the slowest of their requests and of their
 * searches, in ms.
 */
async function beside(run: Promise<unknown>): Promise<{ read: number; search: number }> {
  const slowest = { read: 0, search: 0 };
  let isOver = false;
  const watched = run.finally(() => {
    isOver = true;
  });
  do {
    const [read, search] = await Promise.all([
      get(`/v1/channels/${good.channel}/messages`, good),
      get('/v1/search?q=deploy', good),
    ]);
    expect([read.status, search.status, search.body.data.length]).toEqual([200, 200, 1]);
    slowest.read = Math.max(slowest.read, read.ms);
    slowest.search = Math.max(slowest.search, search.ms);
  } while (!isOver);
  await watched;
  return slowest;
}

describe('a search for 64 words with "or" between them, over 300 messages of 40,000 characters', () => {
  it('is answered', async () => {
    const { status, body } = await get(
      `/v1/search?q=${encodeURIComponent(everyWord(' or '))}`,
      bad,
    );
    expect(status).toBe(200);
    expect(body.data.length).toBeGreaterThan(5);
    expect(body.data[0].highlight).toContain('<mark>');
  });
});

describe('a search that would take minutes', () => {
  it('is answered 503 after two seconds, says what to do, and runs no more', async () => {
    const { status, body, headers } = await get(expensive(), bad);
    expect({ status, type: body.type, wait: headers.get('retry-after') }).toEqual({
      status: 503,
      type: 'urn:knockon:problem:took-too-long',
      wait: '2',
    });
    expect(body.detail).toBe(
      'This search took longer than 2 s and was stopped. Search for fewer or rarer words, or in less: narrow it with channel_id, author, from or to.',
    );
    expect(await atWork()).toBe(0);
  });

  it('keeps no other workspace waiting, be there eight of them at once', async () => {
    const eight = Promise.all(Array.from({ length: 8 }, () => get(expensive(), bad)));
    const { read, search } = await beside(eight);
    expect(read).toBeLessThan(1_500);
    expect(search).toBeLessThan(1_500);
    const answers = await eight;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(5_000);
    const refused = answers.filter(({ body }) => body.type === 'urn:knockon:problem:busy');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get('retry-after')).toBe('2');
    expect(refused[0]?.body.detail).toContain('so this search was not begun');
  });

  it('is cancelled in Postgres when its client leaves', async () => {
    const leaving = new AbortController();
    const left = get(expensive(), bad, leaving.signal);
    await expect.poll(atWork, { interval: 10 }).toBe(1);
    const began = performance.now();
    leaving.abort();
    await expect(left).rejects.toThrow();
    await expect.poll(atWork, { interval: 10 }).toBe(0);
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});

describe('checks of an audit chain', () => {
  it('share one run, and keep no other workspace waiting, be there thirty of them at once', async () => {
    pages = 0;
    const alone = await get('/v1/audit/verify', bad);
    expect(alone.body).toMatchObject({ valid: true, entries: CHAIN + 1 });
    const pagesOfOne = pages;
    pages = 0;
    const thirty = Promise.all(Array.from({ length: 30 }, () => get('/v1/audit/verify', bad)));
    const answers = await thirty;
    expect(answers.map(({ body }) => body)).toEqual(answers.map(() => alone.body));
    expect(pages).toBe(pagesOfOne);
    const { read, search } = await beside(
      Promise.all(Array.from({ length: 30 }, () => get('/v1/audit/verify', bad))),
    );
    expect(read).toBeLessThan(1_500);
    expect(search).toBeLessThan(1_500);
  });

  it('end when all have left, hold nothing then, and begin anew for who comes next', async () => {
    const leaving = new AbortController();
    pages = 0;
    const left = [1, 2].map(() =>
      get('/v1/audit/verify', bad, leaving.signal).catch((error: Error) => error.name),
    );
    await expect.poll(() => pages, { interval: 1 }).toBeGreaterThan(1);
    leaving.abort();
    expect(await Promise.all(left)).toEqual(['AbortError', 'AbortError']);
    const begun = pages;
    await api.database
      .pg`update knockon.audit_entries set event_type = 'note.changed' where workspace_id = ${bad.id} and position = 2`;
    expect((await get('/v1/audit/verify', bad)).body).toMatchObject({
      valid: false,
      broken_at: { position: 2 },
    });
    // One page, which breaks, the count, and at most one that was under way.
    expect(pages - begun).toBeLessThanOrEqual(3);
    await api.database
      .pg`update knockon.audit_entries set event_type = 'note.added' where workspace_id = ${bad.id} and position = 2`;
  });

  it('that take too long say how far they are, go on there, and find afterwards what was tampered with before that', async () => {
    const hasty = await served(
      api.another({ heavy, verifyAudit: verifyAudit({ heavy, key, limitMs: 50 }) }),
    );
    const ask = async () => {
      const response = await fetch(`${hasty.url}/v1/audit/verify`, {
        headers: { authorization: `Bearer ${bad.api_key}` },
      });
      return {
        status: response.status,
        wait: response.headers.get('retry-after'),
        body: (await response.json()) as Record<string, unknown>,
      };
    };
    /**
     * Asks again as long as the answer is that it takes too long, and returns the last answer and
     * how far each run got.
     */
    const askToTheEnd = async () => {
      const progress: number[] = [];
      let answer = await ask();
      for (; answer.status === 503; answer = await ask()) {
        expect(answer).toMatchObject({
          wait: '1',
          body: { type: 'urn:knockon:problem:took-too-long' },
        });
        progress.push(Number(answer.body.checked));
      }
      return { answer, progress };
    };
    const { answer, progress } = await askToTheEnd();
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(answer.body).toMatchObject({ valid: true, entries: CHAIN + 1 });
    await api.database
      .pg`update knockon.audit_entries set event_type = 'note.changed' where workspace_id = ${bad.id} and position = 2`;
    // On a busy machine even the first page can take longer than the 50 ms.
    expect((await askToTheEnd()).answer.body).toMatchObject({
      valid: false,
      broken_at: { position: 2 },
    });
    await api.database
      .pg`update knockon.audit_entries set event_type = 'note.added' where workspace_id = ${bad.id} and position = 2`;
    await hasty.close();
  });
});

describe('what a search may be', () => {
  it('is 64 words at most; more are refused by name', async () => {
    const words = (n: number) => Array.from({ length: n }, (_, i) => `word${i}`).join(' or ');
    expect((await get(`/v1/search?q=${encodeURIComponent(words(64))}`, good)).status).toBe(200);
    const { status, body } = await get(`/v1/search?q=${encodeURIComponent(words(65))}`, good);
    expect(status).toBe(422);
    expect(body.errors).toEqual([
      { path: 'q', message: 'has 65 words, and a search takes 64 at most: leave some out' },
    ]);
  });

  it('lists each of the newest thousand that fit once, whatever is posted between its pages', async () => {
    const many = await aWorkspace();
    await api.database.pg`
      with stored as (
        insert into knockon.messages (id, workspace_id, channel_id, seq, author, text, sent_at, created_at, updated_at)
        select knockon.uuidv7(), ${many.id}, ${many.channel}, n, 'ada', 'apple' || repeat(' apple', n % 7), now() - n * interval '1 s', now(), now()
        from generate_series(1, 1100) n returning *
      )
      insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
      select id, workspace_id, channel_id, author, sent_at, 1, to_tsvector('simple', text) from stored`;
    await api.database.pg`update knockon.channels set last_seq = 2000 where id = ${many.channel}`;
    const seen: { message: { id: string; seq: number }; rank: number }[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await get(`/v1/search?q=apple&limit=150${cursor}`, many);
      seen.push(...body.data);
      if (!body.next_cursor) break;
      cursor = `&cursor=${body.next_cursor}`;
      await indexed(many, 'apple apple apple apple');
    }
    expect(seen.map(({ message }) => message.seq).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i + 1),
    );
    expect(seen.map(({ rank }) => rank)).toEqual(
      seen.map(({ rank }) => rank).sort((a, b) => b - a),
    );
  });

  it('has pages that end early where messages are long, and go on where they ended', async () => {
    const wordy = await aWorkspace();
    await api.database.pg`
      with stored as (
        insert into knockon.messages (id, workspace_id, channel_id, seq, author, text, sent_at, created_at, updated_at)
        select knockon.uuidv7(), ${wordy.id}, ${wordy.channel}, n, 'ada', 'pear ' || repeat(chr(28450), 39000), now(), now(), now()
        from generate_series(1, 40) n returning *
      )
      insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
      select id, workspace_id, channel_id, author, sent_at, 1, 'pear:1'::tsvector from stored`;
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await get(`/v1/search?q=pear&limit=200${cursor}`, wordy);
      seen.push(...body.data.map(({ message }: { message: { id: string } }) => message.id));
      sizes.push(Buffer.byteLength(JSON.stringify(body)));
      if (!body.next_cursor) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(new Set(seen).size).toBe(40);
    expect(seen).toHaveLength(40);
    expect(Math.max(...sizes)).toBeLessThan(3 * 1024 * 1024);
  });
});

describe('while all places for expensive requests are taken', () => {
  const workspace = [
    '/v1/search?q=deploy',
    '/v1/audit',
    '/v1/analytics/messages',
    '/v1/subscribers',
    '/v1/subscribers/search',
  ];
  const operators = ['dead_letters', 'dead_letters/causes', 'events', 'verify', 'subscribers'].map(
    (path) => `/v1/ops/${path}`,
  );
  let busy: Awaited<ReturnType<typeof served>>;
  let giveBack: () => void;
  beforeAll(async () => {
    const full = createHeavy(own, { places: 1, each: 1, waiting: 0 });
    const taken = new Promise<void>((resolve) => {
      giveBack = resolve;
    });
    void full.run({ owner: 'somebody' }, () => taken);
    busy = await served(api.another({ heavy: full }));
  });
  afterAll(async () => {
    giveBack?.();
    await busy?.close();
  });
  const ask = async (path: string) => {
    const key = path.startsWith('/v1/ops/') ? OPERATOR : good.api_key;
    const response = await fetch(busy.url + path, { headers: { authorization: `Bearer ${key}` } });
    return {
      status: response.status,
      wait: response.headers.get('retry-after'),
      body: (await response.json()) as Record<string, unknown>,
    };
  };

  it.each([...workspace, ...operators])('%s is refused at once, with the reason', async (path) => {
    const { status, wait, body } = await ask(path);
    expect({ status, wait, type: body.type }).toEqual({
      status: 503,
      wait: '2',
      type: 'urn:knockon:problem:busy',
    });
    expect(body.detail).toMatch(/^All places for expensive requests are taken/);
  });

  it.each(['/v1/channels', '/v1/events', '/v1/members', '/v1/ops/jobs'])(
    '%s is answered',
    async (path) => {
      expect((await ask(path)).status).toBe(200);
    },
  );
});
