import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRecipients } from '../../../src/activities/notifications/recipients.ts';
import { members } from '../../../src/db/schema/messages.ts';
import { workspaces } from '../../../src/db/schema/workspaces.ts';
import { canBeMentioned } from '../../../src/text/mentions/mentions.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { type MentionCase, mentionCases } from './mention-cases.ts';

let fresh: TestDatabase;

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

const NOWHERE = '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70';

async function notified([text, handles]: MentionCase): Promise<string[]> {
  const { db } = fresh.database;
  const [workspace] = await db.insert(workspaces).values({ name: 'test' }).returning();
  const workspace_id = workspace!.id;
  await db
    .insert(members)
    .values(handles.map((handle) => ({ workspace_id, handle })))
    .execute();
  const message = { id: NOWHERE, workspace_id, channel_id: NOWHERE, seq: 1, author: 'zoe', text };
  return (await findRecipients(db, [message])).map(({ recipient }) => recipient).sort();
}

test.each(['@[', '@a', '@bob '])('%j again and again asks for each name once', async (piece) => {
  const { db } = fresh.database;
  const asked: unknown[] = [];
  const watched = new Proxy(db, {
    get: (of, name) =>
      name === 'execute'
        ? (query: SQL) => {
            asked.push(...(new PgDialect().sqlToQuery(query).params.at(-1) as string[]));
            return db.execute(query);
          }
        : Reflect.get(of, name),
  });
  const ids = { id: NOWHERE, workspace_id: NOWHERE, channel_id: NOWHERE };
  const message = { ...ids, seq: 1, author: 'zoe', text: piece.repeat(20_000) };
  await findRecipients(watched, [message]);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.length).toBe(new Set(asked).size);
});

describe.each(Object.entries(mentionCases))('%s', (_kind, cases) => {
  test.each(cases)('%j with %j', async (...given) => {
    const [, handles, expected] = given;
    if (handles.length === 0) given[1] = ['somebody-else'];
    expect(handles.every((handle) => canBeMentioned(handle.normalize()))).toBe(true);
    expect(await notified(given)).toEqual([...expected].sort());
  });
});
