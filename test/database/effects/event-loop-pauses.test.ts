import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRecipients } from '../../../src/activities/notifications/recipients.ts';
import { loadTexts } from '../../../src/activities/search/texts.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { checkPayloads, fitsSchema } from '../../../src/outbox/check-payloads.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { costly, declareTypes } from '../../harness/event-types.ts';
import { startConversation } from './conversation.ts';

let fresh: TestDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

/** How often others had their turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const other = setInterval(() => (turns += 1), 1);
  await work();
  clearInterval(other);
  return turns;
}

const long = 'aA_'.repeat(13_000);

test('others have their turn while mentions are looked for in many texts', async () => {
  const one = { id: 'id', workspace_id: 'w', channel_id: 'c', seq: 1, author: 'ada', text: long };
  expect(
    await turnsDuring(() => findRecipients(fresh.database.db, Array(200).fill(one))),
  ).toBeGreaterThan(5);
});

test('others have their turn while many texts are read for the index', async () => {
  const talk = await startConversation(fresh.database);
  const posted = await Promise.all(Array.from({ length: 40 }, () => talk.post(long)));
  const ids = posted.map(({ id }) => id);
  await fresh.database.db.transaction(async (tx) => {
    const load = async (some: string[]) => {
      for await (const page of loadTexts(tx, some)) expect(page.length).toBeGreaterThan(0);
    };
    await load(ids.slice(0, 1));
    // Reading rows takes turns too: what is beyond them is what counts.
    expect(await turnsDuring(() => load(ids))).toBeGreaterThan(5);
  });
});

test('others have their turn while what SQL has emitted is compared with its schema', async () => {
  const { pg } = fresh.database;
  const { workspaceId } = await startConversation(fresh.database);
  await declareTypes(fresh.database, ['tree.grown'], { schema: costly.schema });
  await pg`insert into knockon.subscribers (name, event_types, task_queue, activity, batch,
    timeout_ms, retry) values ('any', '{*}', 'any', 'any', 1, 1000, '{}')`;
  const events = Array.from({ length: 200 }, () => ({
    type: 'tree.grown',
    workspace: workspaceId,
    payload: costly.payload,
  }));
  await pg`select knockon.emit_many(${pg.json(events)})`;
  const groups = await claim(pg, 500);
  const group = groups.find(({ type }) => type === 'tree.grown')!;
  let turns = 0;
  const other = setInterval(() => (turns += 1), 1);
  const fits = fitsSchema(new EventTypeRegistry({ pg }));
  const seen: number[] = [];
  await checkPayloads(pg, group, (event) => {
    seen.push(turns);
    return fits(event);
  });
  clearInterval(other);
  // The first waits for its schema.
  expect(seen.at(-1)! - seen[1]!).toBeGreaterThan(10);
});
