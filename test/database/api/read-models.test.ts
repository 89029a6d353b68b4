import { describe, expect, test } from 'vitest';
import { search } from '../../../src/activities/search/index.ts';
import { events as eventRows } from '../../../src/db/schema/events.ts';
import { analyticsQuarters } from '../../../src/db/schema/read-models.ts';
import { deliver } from '../effects/conversation.ts';
import { request, useApi } from './test-api.ts';

const api = useApi();

/** Indexes everything that was posted, with the search effect itself. */
async function index(): Promise<void> {
  const { db } = api.database;
  const rows = await db.select().from(eventRows);
  const events = rows.map((row) => ({ ...row, timestamp: row.timestamp.toISOString() }));
  await deliver(api.database, search(), events);
}

const find = async (query: string) => (await api.call('GET', `/v1/search?${query}`)).body;
const texts = (body: { data: { message: { text: string } }[] }) =>
  body.data.map(({ message }) => message.text);

describe('search', () => {
  test('finds words by their stems, phrases, either word, and not what is excluded', async () => {
    const channel = await api.channel();
    for (const text of [
      'coupons are applied',
      'apply the coupon today',
      'today a coupon',
      'nothing at all',
    ])
      await api.post(channel, { text });
    await index();
    expect(texts(await find(`q=coupon&channel_id=${channel}`))).toHaveLength(3);
    expect(
      texts(await find(`q=${encodeURIComponent('"coupon today"')}&channel_id=${channel}`)),
    ).toEqual(['apply the coupon today']);
    expect(
      texts(await find(`q=${encodeURIComponent('coupon -today')}&channel_id=${channel}`)),
    ).toEqual(['coupons are applied']);
    expect(
      texts(
        await find(`q=${encodeURIComponent('nothing or applied')}&channel_id=${channel}`),
      ).sort(),
    ).toEqual(['apply the coupon today', 'coupons are applied', 'nothing at all']);
  });

  test('answers an empty list to what asks for nothing, and to any syntax', async () => {
    for (const q of [
      '',
      ' ',
      '"',
      '""',
      '-',
      '!!!',
      '&|!()',
      ':*',
      "'",
      '\\',
      '<->',
      'or or or',
      'a'.repeat(1000),
      '-'.repeat(500),
    ]) {
      const answer = await api.call('GET', `/v1/search?q=${encodeURIComponent(q)}`);
      expect({ q, status: answer.status, body: answer.body }).toEqual({
        q,
        status: 200,
        body: { data: [], next_cursor: null, ignored: expect.any(Array) },
      });
    }
    expect((await api.call('GET', '/v1/search')).body.errors).toMatchObject([{ path: 'q' }]);
  });

  test('marks hits in HTML that can be shown: whatever else is in the text is escaped', async () => {
    const channel = await api.channel();
    await api.post(channel, {
      text: `<img src=x onerror="alert('1')"> \ue000coupon\ue001 & <mark>fake</mark>`,
    });
    await index();
    const { data } = await find(`q=coupon&channel_id=${channel}`);
    const { highlight } = data[0];
    expect(highlight).toContain('<mark>coupon</mark>');
    expect(highlight.replaceAll(/<\/?mark>/g, '')).not.toMatch(/[<>"']/);
    expect(highlight.match(/<mark>/g)).toHaveLength(1);
  });

  test('narrows by author and by when it was sent, the end not included', async () => {
    const channel = await api.channel();
    for (const [author, sent_at] of [
      ['ada', '2024-01-01T00:00:00Z'],
      ['grace', '2024-01-02T00:00:00Z'],
      ['ada', '2024-01-03T00:00:00Z'],
    ]) {
      await api.post(channel, { text: `deploy by ${author}`, author, sent_at });
    }
    await index();
    const count = async (more: string) =>
      (await find(`q=deploy&channel_id=${channel}${more}`)).data.length;
    expect(await count('&author=ada')).toBe(2);
    expect(await count('&from=2024-01-02T00:00:00Z')).toBe(2);
    expect(await count('&to=2024-01-02T00:00:00Z')).toBe(1);
    expect(await count('&from=2024-01-02T00:00:00Z&to=2024-01-03T00:00:00Z&author=ada')).toBe(0);
  });

  test('gives every hit once over all pages, best first', async () => {
    const channel = await api.channel();
    for (let n = 0; n < 12; n++)
      await api.post(channel, { text: `release ${n % 3 === 0 ? 'release release' : 'note'} ${n}` });
    await index();
    const ranks: number[] = [];
    const ids = new Set<string>();
    let cursor: string | null = null;
    do {
      const body: {
        data: { rank: number; message: { id: string } }[];
        next_cursor: string | null;
      } = await find(`q=release&channel_id=${channel}&limit=5${cursor ? `&cursor=${cursor}` : ''}`);
      for (const { rank, message } of body.data) {
        ranks.push(rank);
        ids.add(message.id);
      }
      cursor = body.next_cursor;
    } while (cursor);
    expect([ids.size, ranks.length]).toEqual([12, 12]);
    expect(ranks).toEqual(ranks.toSorted((a, b) => b - a));
  });

  test('forgets a message the moment it is deleted, though the index follows later', async () => {
    const channel = await api.channel();
    const { body } = await api.post(channel, { text: 'ephemeral' });
    await index();
    expect(texts(await find('q=ephemeral'))).toEqual(['ephemeral']);
    await api.call('DELETE', `/v1/messages/${body.id}`);
    expect(texts(await find('q=ephemeral'))).toEqual([]);
  });
});

describe('analytics', () => {
  test('count messages and people by channel and hour or day, and people once a day', async () => {
    const { id: workspace_id, api_key: key } = await api.workspace();
    const channel_id = (await api.call('POST', '/v1/channels', { key, body: { name: 'counted' } }))
      .body.id;
    const rows = [
      ['2024-01-15T10:00:00Z', 'ada', 2],
      ['2024-01-15T11:00:00Z', 'ada', 1],
      ['2024-01-15T11:00:00Z', 'grace', 4],
      ['2024-01-16T00:00:00Z', 'grace', 5],
      ['2024-01-17T00:00:00Z', 'grace', 0],
    ] as const;
    for (const [quarter, author, messages] of rows) {
      await api.database.db
        .insert(analyticsQuarters)
        .values({ workspace_id, channel_id, quarter: new Date(quarter), author, messages });
    }
    const count = async (query: string) =>
      (await request(api.app, 'GET', `/v1/analytics/messages${query}`, { key })).body;
    expect(await count('')).toEqual({
      data: [
        { bucket: '2024-01-15T00:00:00.000Z', channel_id, messages: 7, authors: 2 },
        { bucket: '2024-01-16T00:00:00.000Z', channel_id, messages: 5, authors: 1 },
      ],
      next_cursor: null,
    });
    const hours = await count(
      `?bucket=hour&channel_id=${channel_id}&from=2024-01-15T11:00:00Z&to=2024-01-16T00:00:00Z`,
    );
    expect(hours.data).toEqual([
      { bucket: '2024-01-15T11:00:00.000Z', channel_id, messages: 5, authors: 2 },
    ]);
    const first = await count('?bucket=hour&limit=2');
    const rest = await count(`?bucket=hour&limit=2&cursor=${first.next_cursor}`);
    expect([...first.data, ...rest.data].map(({ messages }) => messages)).toEqual([2, 5, 5]);
    const local = async (tz: string) =>
      (await count(`?tz=${tz}`)).data.map((row: Record<string, unknown>) => [
        row.bucket,
        row.messages,
      ]);
    expect(await local('Asia/Tokyo')).toEqual([
      ['2024-01-14T15:00:00.000Z', 7],
      ['2024-01-15T15:00:00.000Z', 5],
    ]);
    expect(await local('America/New_York')).toEqual([['2024-01-15T05:00:00.000Z', 12]]);
    expect(await local('Asia/Kolkata&bucket=hour')).toEqual([
      ['2024-01-15T09:30:00.000Z', 2],
      ['2024-01-15T10:30:00.000Z', 5],
      ['2024-01-15T23:30:00.000Z', 5],
    ]);
    // Node alone knows the last, and short names mean another zone to Postgres.
    for (const tz of ['Mars/Olympus', '%2B05:30', '', "UTC'", 'CET', 'IST', 'US/Pacific-New'])
      expect((await count(`?tz=${tz}`)).errors).toMatchObject([{ path: 'tz' }]);
    expect((await count('?bucket=week')).errors).toMatchObject([{ path: 'bucket' }]);
  });
});

test('a channel that has no summary yet answers zeros, and one that has it answers it', async () => {
  const channel = await api.channel();
  const path = `/v1/channels/${channel}/summary`;
  const empty = {
    channel_id: channel,
    messages: 0,
    last_message: null,
    last_activity_at: null,
    authors: 0,
  };
  expect((await api.call('GET', path)).body).toEqual(empty);
  const kept = { ...empty, messages: 3, authors: 2 };
  const app = api.another({ summaries: { get: async (id) => (id === channel ? kept : null) } });
  expect((await request(app, 'GET', path, { key: api.key })).body).toEqual(kept);
});
