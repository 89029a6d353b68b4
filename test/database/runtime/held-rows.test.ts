import { sql } from 'drizzle-orm';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { claim } from '../../../src/outbox/claim.ts';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

/** Longest wait for a row, in ms. */
const LOCK_MS = 1000;

let test: TestDatabase;
let psql: Sql;
/** Events of two workspaces, of one dispatch. */
let [held, free]: Record<'workspace' | 'first' | 'second', string>[] = [];
let call: EffectCall;

const counting = defineEffect({
  name: 'counting',
  description: '',
  on: ['*'],
  async transact(tx, events) {
    for (const { workspace_id } of events)
      await tx.execute(sql`insert into counts values (${workspace_id}, 1)
        on conflict (workspace_id) do update set n = counts.n + 1`);
  },
});

beforeAll(async () => {
  test = await freshDatabase({ lockMs: LOCK_MS });
  psql = postgres(test.url, { max: 1 });
  await psql`create table counts (workspace_id uuid primary key, n int not null)`;
  await subscribe(test.database, { name: 'counting' });
  const writer = aWriter(test.database);
  const places = [await aChannel(test.database), await aChannel(test.database)];
  for (const where of [...places, ...places]) await writer.post(aMessage(where));
  const dispatches = await claim(test.database.pg, 500);
  const rows = await psql<{ id: string; workspace_id: string }[]>`
    select e.id, e.workspace_id from knockon.events e where type = 'message.created' order by e.id`;
  [held, free] = places.map(({ workspaceId }) => {
    const [first, second] = rows.filter((row) => row.workspace_id === workspaceId);
    return { workspace: workspaceId, first: first!.id, second: second!.id };
  });
  await psql`insert into counts values (${held!.workspace}, 0)`;
  call = {
    dispatch_id: dispatches[0]!.id,
    subscriber: 'counting',
    events: { offset: 0, limit: rows.length },
    alone: false,
  };
});
afterAll(async () => {
  await psql?.end();
  await test?.close();
});

const calling = (...ids: string[]) =>
  answer(counting, test.database.db, { ...call, events: { ids } }, new AbortController().signal);

it('has a call that waits for a row of one workspace parted, and then keeps nobody else waiting', async () => {
  const apart = (id: string, { workspace }: { workspace: string }) => ({
    event_id: id,
    state: 'later',
    in_ms: 0,
    apart: true,
    share: workspace.slice(-8),
  });
  await psql.begin(async (tx) => {
    await tx`select from counts where workspace_id = ${held!.workspace} for update`;
    expect(await calling(held!.first, free!.first)).toMatchObject({
      done: 0,
      open: [apart(held!.first, held!), apart(free!.first, free!)],
    });
    expect(await calling(held!.first)).toMatchObject({ done: 0, put_off: expect.any(String) });
    expect(await calling(free!.first, held!.second)).toMatchObject({
      done: 1,
      open: [apart(held!.second, held!)],
    });
    // One call looks whether the row is free. Another one waits for nothing.
    const looking = calling(held!.first);
    const first = await Promise.race([looking.then(() => undefined), calling(held!.second)]);
    expect(first).toMatchObject({ put_off: expect.any(String) });
    expect(await looking).toMatchObject({ put_off: expect.any(String) });
    expect(await tx`select from knockon.attempts`).toHaveLength(0);
  });
  expect(await calling(held!.first)).toEqual({ done: 1, open: [] });
  expect(await calling(held!.second, free!.second)).toEqual({ done: 2, open: [] });
  expect(await psql`select n from counts order by n`).toEqual([{ n: 2 }, { n: 2 }]);
});
