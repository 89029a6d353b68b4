import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterCreated, cancelEventsOf } from '../../../src/messages/later.ts';
import { inspectMessage } from '../../../src/ops/inspect/inspect-event.ts';
import { cancelEvent } from '../../../src/ops/scheduled-events.ts';
import { DueEvents } from '../../../src/outbox/due-events.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { subscribe } from '../../harness/messaging.ts';
import { aHistory } from './long-history.ts';
import { forget, type Statistics, withoutAutovacuum } from './neighbouring-tables.ts';
import { type Explained, explained } from './query-plans.ts';

const EVENTS = 12_000;
const NOBODY = '01990000-0000-7000-8000-000000000000';

interface Kept {
  id: string;
  type: string;
  workspace_id: string;
  message_id: string;
}

/**
 * So many events, a quarter of them due. Each tenth is of one of a thousand other workspaces, and
 * each seventh was cancelled. @returns those that are due last
 */
const fillScheduled = ({ pg }: TestDatabase['database']) => pg<Kept[]>`
  with made as (
    insert into knockon.scheduled (id, type, version, workspace_id, channel_id, message_id,
      sequence_id, timestamp, payload, deliver_at, cancelled_at)
    select knockon.uuidv7(), case when n % 2 = 0 then 'message.created' else 'invoice.due' end, 1,
      case when n % 10 = 0 then md5((n % 1000)::text)::uuid else c.workspace_id end, c.id,
      knockon.uuidv7(), case when n % 10 <> 0 then c.id end, now(), '{}',
      now() + (n - ${EVENTS / 4}) * interval '1 minute', case when n % 7 = 0 then now() end
    from generate_series(1, ${EVENTS}::int) n join knockon.channels c on c.name = 'c' || 1 + n % 3
    returning *
  )
  select id, type, workspace_id, message_id from made where cancelled_at is null
  order by deliver_at desc limit 10`;

const CASES = (['absent', 'of empty tables', 'of a few rows'] as const).flatMap((statistics) =>
  (['kept', 'made anew'] as const).map((plans): [Statistics, string] => [statistics, plans]),
);

describe.each(CASES)('with statistics %s and plans %s', (statistics, plans) => {
  let own: TestDatabase;
  let database: Explained;
  let last: Kept[];

  beforeAll(async () => {
    own = await freshDatabase();
    await withoutAutovacuum(own.database);
    await aHistory(own.database, 300);
    await subscribe(own.database, { name: 'reminders' });
    last = await fillScheduled(own.database);
    await forget(own.database, statistics);
    database = explained(own.url, { counted: true, kept: plans === 'kept' });
    // What a connection asks once.
    await Promise.all(
      [1, 2].flatMap(() => [database.pg`select 1`, database.db.execute('select 1')]),
    );
    database.rows();
  }, 120_000);
  afterAll(async () => {
    await database?.close();
    await own?.close();
  });

  it('what is due is taken in time by its length', async () => {
    const due = new DueEvents(database.pg, 500);
    for (let batch = 0; batch < 3; batch += 1) {
      expect(await due.promote(1000)).toBe(500);
      const { total, worst } = database.rows();
      // Each of the batch in a few steps, and each of 200 workspaces.
      expect(total, worst).toBeLessThan(30_000);
    }
  });

  it('what is scheduled of a message is shown in time by what it is', async () => {
    const inspecting = { database, ui: null, seeCalls: undefined };
    const [event] = await inspectMessage(inspecting, last[0]!.message_id);
    expect(event).toMatchObject({ id: last[0]!.id, state: 'scheduled' });
    const { total, worst } = database.rows();
    // A small table may be read from end to end.
    expect(total, worst).toBeLessThan(EVENTS / 2);
  });

  it('what is scheduled is cancelled in time by what it is', async () => {
    const [due, created] = ['invoice.due', 'message.created'].map((type) =>
      last.find((one) => one.type === type),
    ) as [Kept, Kept];
    await cancelEvent(database.pg, { workspaceId: due.workspace_id, id: due.id });
    await database.db.transaction(async (tx) => {
      expect(await afterCreated(tx, created.message_id)).toBeInstanceOf(Date);
      expect(await cancelEventsOf(tx, created.message_id)).toEqual(['message.created']);
    });
    const { total, worst } = database.rows();
    expect(total, worst).toBeLessThan(100);
  });
});

it('with plans that were made while nothing was scheduled all of that is so too', async () => {
  const own = await freshDatabase();
  await withoutAutovacuum(own.database);
  await subscribe(own.database, { name: 'reminders' });
  const database = explained(own.url, { counted: true, kept: true });
  const run = async (id: string, message: string) => {
    await cancelEvent(database.pg, { workspaceId: NOBODY, id });
    await database.pg`select knockon.cancel(${id})`;
    await database.db.transaction(async (tx) => {
      await afterCreated(tx, message);
      await cancelEventsOf(tx, message);
    });
    await new DueEvents(database.pg, 1).promote(1000);
  };
  // On each connection.
  await Promise.all([run(NOBODY, NOBODY), run(NOBODY, NOBODY)]);
  const made = await own.database.pg<{ id: string; message: string }[]>`
    insert into knockon.scheduled (id, type, version, workspace_id, message_id, timestamp, payload,
      deliver_at)
    select knockon.uuidv7(), case when n % 2 = 0 then 'message.created' else 'invoice.due' end, 1,
      ${NOBODY}, knockon.uuidv7(), now(), '{}', now() - interval '1 hour'
    from generate_series(1, 5000) n returning id, message_id as message`;
  database.rows();
  await run(made[4000]!.id, made[4001]!.message);
  const { total, worst } = database.rows();
  expect(total, worst).toBeLessThan(100);
  await database.close();
  await own.close();
});
