import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { search } from '../../../src/activities/search/index.ts';
import { deliver } from '../effects/conversation.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

interface Case {
  why: string;
  text: string;
  q: string;
  found: boolean;
}

const given = readFileSync('test/cases/search.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

const own = (
  [
    ['Chinese, one sign', '服务器在北京机房', '京', true],
    ['Chinese, a long run', '服务器在北京机房里面运行', '北京机房里面', true],
    ['Chinese, other order', '服务器在北京机房', '房机', false],
    ['Chinese, apart', '服务器在北京机房', '服务机房', false],
    ['Chinese beside Latin', '请重启nginx服务', 'nginx', true],
    ['Chinese beside Latin, together', '请重启nginx服务', 'nginx服务', true],
    ['rare signs beyond the first plane', '我姓𠮷田', '𠮷', true],
    ['Japanese in kana', 'サーバーがダウンしました', 'ダウン', true],
    ['Japanese in half width', 'ｻｰﾊﾞｰがﾀﾞｳﾝ', 'サーバー', true],
    ['Korean with a particle', '서버를 재시작했습니다', '서버', true],
    ['Korean inside a compound', '개발환경을 준비했다', '환경', true],
    ['Korean, decomposed', '서버를 재시작'.normalize('NFD'), '재시작', true],
    ['Thai', 'เซิร์ฟเวอร์ล่มเมื่อคืนนี้', 'เมื่อคืน', true],
    ['Khmer', 'ខ្ញុំចូលចិត្តភាសាខ្មែរ', 'ភាសាខ្មែរ', true],
    ['Khmer with zero-width spaces', 'ខ្ញុំ\u200bចូលចិត្ត\u200bភាសា\u200bខ្មែរ', 'ភាសាខ្មែរ', true],
    ['Lao', 'ຂ້ອຍມັກພາສາລາວ', 'ພາສາ', true],
    ['Burmese', 'ကျွန်တော်မြန်မာစာဖတ်တယ်', 'မြန်မာ', true],
    ['accents left out, Vietnamese', 'tiếng Việt rất hay', 'tieng viet', true],
    ['accents left out, French', 'le café est à côté', 'a cote', true],
    ['accents left out, Greek', 'η Αθήνα είναι ωραία', 'αθηνα', true],
    ['accents left out, Arabic', 'مَرْحَبًا بكم', 'مرحبا', true],
    ['accents left out, Hebrew', 'שָׁלוֹם לכולם', 'שלום', true],
    ['letters without decomposition', 'smørrebrød in Łódź', 'smorrebrod lodz', true],
    ['sharp s', 'die Straße ist zu', 'STRASSE', true],
    ['accents that were not written', 'ask Leon about it', 'Léon', true],
    ['й is no и', 'мой дом', 'мои', false],
    ['Cyrillic, any case', 'СЕРВЕР УПАЛ', 'сервер', true],
    ['Turkish İ', 'İSTANBUL trafiği', 'istanbul', true],
    ['Turkish ı', 'Diyarbakır', 'diyarbakir', true],
    ['final sigma', 'ΟΔΟΣ', 'οδος', true],
    ['full width', 'ＤＥＰＬＯＹ now', 'deploy', true],
    ['ligature', 'the ﬁle is gone', 'file', true],
    ['Devanagari, a word', 'यह हिन्दी है', 'हिन्दी', true],
    ['Devanagari, another vowel', 'यह हिन्दी है', 'हन्द', false],
    ['Devanagari, nukta left out', 'नया फ़ोन', 'फोन', true],
    ['Devanagari, nukta that was not written', 'नया फोन', 'फ़ोन', true],
    ['Korean, another particle', '서버가 죽었다', '서버를', false],
    ['Korean without a blank', '결제페이지', '결제 페이지', true],
    ['Thai, words apart', 'ลูกค้าชำระเงินไม่ได้', 'ชำระ ลูกค้า', true],
    ['Thai, sara am in two ways', 'น้ำ', 'น้ํา', true],
    ['Japanese era in full width', '令和６年', '令和6年', true],
    ['Hebrew, gershayim as quotes', 'צה״ל הודיע', 'צה"ל', true],
    ['Persian letters on an Arabic keyboard', 'این کتاب', 'كتاب', true],
    ['flags of two letters', 'sudo rm -rf node_modules', 'rm -rf', true],
    ['Tamil', 'இது தமிழ் மொழி', 'தமிழ்', true],
    ['Persian non-joiner', 'من می\u200cخواهم بروم', 'می\u200cخواهم', true],
    ['Persian non-joiner left out', 'من می\u200cخواهم بروم', 'میخواهم', true],
    ['Arabic digits', 'الطلب رقم ١٢٣٤', '1234', true],
    ['a stop word in a phrase', 'to be or not to be', '"not to be"', true],
    ['a stop word in a phrase, other order', 'to be or not to be', '"be to not"', false],
    ['a stop word beside a word', 'the payment page is up', 'the up', true],
    ['typographic apostrophe', 'don’t deploy', "don't", true],
    ['apostrophe left out', "don't deploy", 'dont', true],
    ['apostrophe that was not written', 'dont deploy', "don't", true],
    ['elision', "l'école est finie", 'ecole', true],
    ['prefix, a short one', 'my computer is slow', 'co*', true],
    ['prefix that is none', 'my computer is slow', 'omp*', false],
    ['prefix, Cyrillic', 'компьютер сломан', 'комп*', true],
    ['prefix within a phrase', 'roll backwards now', '"roll back*"', true],
    ['emoji with a tone', 'ok 👍🏽', '👍', true],
    ['emoji of several', 'hi 👩‍💻!', '👩‍💻', true],
    ['a flag', 'from 🇩🇪 with love', '🇩🇪', true],
    ['another flag', 'from 🇩🇪 with love', '🇪🇩', false],
    ['emoji in two presentations', 'I ❤ it', '❤️', true],
    ['a flag of Java', 'java -Xmx512m -jar app.jar', 'java -Xmx512m', true],
    ['a negative number', 'it returns -1 here', 'returns -1', true],
    ['a word that is excluded', 'deploy to staging', 'deploy -staging', false],
    ['a phrase that is excluded', 'deploy the coupon code', 'deploy -“coupon code”', false],
    ['a word that is excluded, in Chinese', '北京的服务器', '服务器 -北京', false],
    ['German quotes', 'bitte den Server neu starten', '„Server neu“', true],
    ['French quotes', 'redémarrer le serveur', '« le serveur »', true],
    ['French quotes, other order', 'redémarrer le serveur', '«serveur le»', false],
    ['Japanese quotes', '開発環境を準備', '「環境を」', true],
    ['a quote that is not closed', 'roll back the deploy', '"roll back', true],
    ['bold letters of IRC', '\u0002de\u0002ploy failed', 'deploy', true],
    ['colours of a terminal', '\u001b[31mdeploy\u001b[0m failed', 'deploy', true],
    ['a colour is no number', '\u000304deploy', '04', false],
    ['zero-width characters', 'de\u200bploy\ufeff', 'deploy', true],
    ['marks of direction', '\u202bdeploy\u202c', 'deploy', true],
    ['soft hyphen', 'de\u00adploy', 'deploy', true],
    ['stems', 'she deployed it', 'deploys', true],
    ['a phrase is exact', 'coupons codes', '"coupon code"', false],
    ['a path', 'see /var/log/nginx/error.log', 'nginx/error.log', true],
    ['a URL', 'https://x.com/a_b?c=d#e', 'https://x.com/a_b', true],
    ['a version', 'node 20.19.1', '20.19', true],
    ['a version without its v', 'release v1.2.3-rc.1 is out', '1.2.3', true],
    ['a version without its v, as a phrase', 'release v1.2.3-rc.1 is out', '"1.2.3-rc.1"', true],
    ['a version with its v', 'release v1.2.3-rc.1 is out', 'v1.2.3', true],
    ['another version', 'release v1.2.3-rc.1 is out', '2.3.1', false],
    ['a version in Chinese', '版本v2.5.1发布', '2.5.1', true],
    ['a version behind a name', 'on python3.11 now', '3.11', true],
    ['a name before a version', 'on python3.11 now', 'python 3.11', true],
    ['a version behind a name in capitals', 'the myAPI2.0 docs', '2.0', true],
    ['a version of a system', 'ubuntu22.04', '22.04', true],
    ['a version with letters behind', 'python 3.12rc1, 2.7b', '2.7', true],
    ['a number with its unit', 'it has 2.5kg', '2.5', true],
    ['a version of one number', 'the API v2', '2', true],
    ['a version in Arabic digits', 'الإصدار v٢.٥', '2.5', true],
    ['an id of letters and digits', 'commit a1b2c3d4', 'a1b2c3d4', true],
    ['a part of an id', 'commit a1b2c3d4.', 'b2', false],
    ['the digits of a word', 'on server12', '12', false],
    ['either', 'only pears', 'apples or pears', true],
    ['a lone mark', 'mark \u0301 alone', 'alone', true],
  ] as const
).map(([why, text, q, found]): Case => ({ why, text, q, found }));

const cases = [...given, ...own];
const api = useApi();
const ids: string[] = [];
let general = '';

async function index(): Promise<void> {
  const { pg } = api.database;
  const events =
    await pg`select id, type, workspace_id, channel_id, message_id from knockon.events`;
  await deliver(api.database, search(), events as never);
}

beforeAll(async () => {
  general = await api.channel('Général');
  for (const { text } of cases) ids.push((await api.post(general, { text })).body.id);
  const other = await api.channel('random');
  await api.post(other, { text: 'zebra one', author: 'Léon', sent_at: '2024-01-15T12:00:00Z' });
  await api.post(other, { text: 'zebra two', author: 'bob', sent_at: '2024-01-16T12:00:00Z' });
  await api.post(general, { text: 'zebras', author: 'bob', sent_at: '2024-02-01T00:00:00Z' });
  await index();
});

async function find(q: string, more = '') {
  const path = `/v1/search?limit=200&q=${encodeURIComponent(q)}${more}`;
  const { status, body } = await api.call('GET', path);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as {
    data: { message: { id: string; text: string }; rank: number; highlight: string }[];
    ignored: string[];
  };
}

const texts = async (q: string, more?: string) =>
  (await find(q, more)).data.map(({ message }) => message.text);

test.each(cases.map((one, i) => ({ ...one, i })))('$why: $q in $text', async ({ q, found, i }) => {
  const { data } = await find(q);
  const hit = data.find(({ message }) => message.id === ids[i]);
  expect(hit !== undefined).toBe(found);
  if (hit && !q.startsWith('-')) expect(hit.highlight).toContain('<mark>');
});

test.each([
  ['zebra from:leon', ['zebra one']],
  ['zebra from:@LÉON', ['zebra one']],
  ['zebra -from:leon', ['zebra two', 'zebras']],
  ['zebra in:random from:bob', ['zebra two']],
  ['zebra in:#GÉNÉRAL', ['zebras']],
  ['zebra -in:random', ['zebras']],
  ['zebra before:2024-01-16', ['zebra one']],
  ['zebra after:2024-01-15 before:2024-02', ['zebra two']],
  ['zebra after:2024-01', ['zebras']],
  ['zebra after:2024-01-16T12:00:00Z', ['zebras']],
  ['from:leon', ['zebra one']],
  ['in:nowhere zebra', []],
])('%s finds %j', async (q, expected) => {
  expect((await texts(q)).sort()).toEqual([...expected].sort());
});

test.each([
  ['#sea', ['in:sea', 'in:#sea', 'in:＃SEA', 'in:"#Sea"']],
  ['＃lake', ['in:lake', 'in:#lake']],
  ['##pond', ['in:##pond']],
  ['#', ['in:#']],
  ['ΣΑΣ', ['in:σας', 'in:#Σας', 'in:σασ']],
  ['Νίκος', ['in:ΝΊΚΟΣ']],
  ['dev’s', ["in:dev's"]],
])('the channel %j is found', async (name, all) => {
  const text = `quokka in ${name}`;
  await api.post(await api.channel(name), { text });
  await index();
  for (const typed of all) {
    expect([typed, await texts(`quokka ${typed}`)]).toEqual([typed, [text]]);
    expect(await texts(`quokka -${typed}`)).not.toContain(text);
  }
});

test('the newest come first on request, page by page', async () => {
  expect(await texts('zebra', '&sort=newest')).toEqual(['zebras', 'zebra two', 'zebra one']);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await api.call('GET', `/v1/search?q=zebra&sort=newest&limit=1${cursor}`);
    seen.push(...body.data.map(({ message }: { message: { text: string } }) => message.text));
    if (!body.next_cursor) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(seen).toEqual(['zebras', 'zebra two', 'zebra one']);
});

test("a page's cursor is refused in another order", async () => {
  const { body } = await api.call('GET', '/v1/search?q=zebra&sort=newest&limit=1');
  const other = await api.call('GET', `/v1/search?q=zebra&cursor=${body.next_cursor}`);
  expect([other.status, other.body.errors[0].path]).toEqual([422, 'cursor']);
});

test('the word itself comes before others of its stem, however new those are', async () => {
  expect((await texts('zebras'))[0]).toBe('zebras');
  expect((await texts('zebras')).sort()).toEqual(['zebra one', 'zebra two', 'zebras']);
});

test('what has no effect is told', async () => {
  expect((await find('zebra -> before:soon or')).ignored).toEqual(['->', 'before:soon', 'or']);
});

test.each(['', ' ', '"', '-', '->', '“”', "'", '\\', ':*', "!&|()<->'"])(
  'a search for %j finds nothing',
  async (q) => {
    expect(await texts(q)).toEqual([]);
  },
);

test('nothing but what is excluded finds all others', async () => {
  const found = await texts('-zebra');
  expect(found).toContain('ask Léon about it');
  expect(found).not.toContain('zebra one');
});

test('a search of 10,000 characters is refused by name', async () => {
  const { status, body } = await api.call('GET', `/v1/search?q=${'a'.repeat(10_000)}`);
  expect([status, body.errors[0].path]).toEqual([422, 'q']);
});

test('days are those of the zone that is told', async () => {
  expect(await texts('zebra before:2024-02', '&tz=Pacific/Auckland')).toHaveLength(2);
  expect(await texts('zebra before:2024-02-02', '&tz=Pacific/Auckland')).toHaveLength(3);
  expect(await texts('zebra after:2024-01', '&tz=America/New_York')).toEqual([]);
  const { status, body } = await api.call('GET', '/v1/search?q=zebra&tz=Mars/Olympus');
  expect([status, body.errors[0].path]).toEqual([422, 'tz']);
});

test('of a script without spaces the word itself comes before those that it is within', async () => {
  const channel = await api.channel('日本');
  await api.post(channel, { text: '京都に行く' });
  for (const text of ['東京都に住む', '東京都庁、東京都、東京都'])
    await api.post(channel, { text });
  await index();
  expect((await texts('京都 in:日本'))[0]).toBe('京都に行く');
  expect(await texts('京都 in:日本')).toHaveLength(3);
});

describe('an operator', () => {
  const ask = (query: string, key = OPERATOR) =>
    request(api.app, 'GET', `/v1/ops/search?${query}`, { key });
  const found = (body: { data: { message: { text: string } }[] }) =>
    body.data.map(({ message }) => message.text).sort();
  let theirs: { id: string; api_key: string };

  beforeAll(async () => {
    theirs = await api.workspace();
    const { body } = await api.call('POST', '/v1/channels', {
      key: theirs.api_key,
      body: { name: 'theirs' },
    });
    await api.post(body.id, { text: 'okapi <b>one</b>' }, { key: theirs.api_key });
    await api.post(general, { text: 'okapi two' });
    await index();
  });

  test('searches all workspaces, or one, and sees where it was said', async () => {
    const { body } = await ask('q=okapi');
    expect(found(body)).toEqual(['okapi <b>one</b>', 'okapi two']);
    const one = await ask(`q=okapi&workspace_id=${theirs.id}`);
    expect(one.body).toMatchObject({
      data: [
        {
          workspace_id: theirs.id,
          channel_name: 'theirs',
          highlight: '<mark>okapi</mark> &lt;b&gt;one&lt;/b&gt;',
        },
      ],
      ignored: [],
      next_cursor: null,
    });
    expect(found((await ask('q=okapi or zebra&sort=newest')).body)).toHaveLength(5);
    expect(found((await ask('q=okapi in:theirs')).body)).toEqual(['okapi <b>one</b>']);
    expect(found((await ask('q=from:leon')).body)).toEqual(['zebra one']);
    expect((await ask('q=')).body).toMatchObject({ data: [] });
  });

  test('has to say a word where all workspaces are searched', async () => {
    for (const q of ['-okapi', 'okapi or -zebra', 'after:2024', '-from:ada', 'in:theirs']) {
      const { status, body } = await ask(`q=${encodeURIComponent(q)}`);
      expect({ q, status, path: body.errors?.[0].path }).toEqual({ q, status: 422, path: 'q' });
      expect((await ask(`q=${encodeURIComponent(q)}&workspace_id=${theirs.id}`)).status).toBe(200);
    }
  });

  test('is in the log with each search, and what was typed is not', async () => {
    const log = async () => (await request(api.app, 'GET', '/v1/ops/log', { key: OPERATOR })).body;
    const before = (await log()).data.length;
    await ask(`q=okapi&workspace_id=${theirs.id}`);
    await ask('q=okapi');
    await request(api.app, 'HEAD', '/v1/ops/search?q=okapi', { key: OPERATOR });
    const { data } = await log();
    expect(data.slice(0, data.length - before)).toMatchObject([
      { by: 'operator', verb: 'search', subject: 'all workspaces', detail: {}, reason: null },
      { by: 'operator', verb: 'search', subject: theirs.id, detail: {}, reason: null },
    ]);
    expect(JSON.stringify(data)).not.toContain('okapi');
  });

  test('alone may: a key of a workspace is nobody here', async () => {
    expect((await ask('q=okapi', theirs.api_key)).status).toBe(401);
    expect(found((await api.call('GET', '/v1/search?q=okapi')).body)).toEqual(['okapi two']);
  });
});
