import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gets } from '../../../src/events/wanted.ts';
import { retire } from '../../../src/ops/controls/retire.ts';
import { replay } from '../../../src/ops/operations/replay.ts';
import { subscriberStatuses } from '../../../src/ops/status/subscriber-status.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
  await declareTypes(test.database, ['invoice.paid', 'invoice.voided', 'invoice_line.added']);
  await subscribe(
    test.database,
    { name: 'all', types: ['*'] },
    { name: 'invoices', types: ['invoice.*'] },
    { name: 'lines', types: ['message.created', 'invoice_line.*'] },
    { name: 'paid', types: ['invoice.paid'] },
  );
});
afterAll(() => test?.close());

describe('a pattern of event types', () => {
  it.each([
    [['*'], 'invoice.paid', true],
    [['invoice.*'], 'invoice.paid', true],
    [['message.*', 'invoice.voided'], 'invoice.voided', true],
    [['invoice.*'], 'invoice_line.added', false],
    [['invoice.*'], 'message.created', false],
    [['invoice.paid'], 'invoice.voided', false],
    [[], 'invoice.paid', false],
  ] as const)('%j has %s in TypeScript as in SQL: %s', async (wanted, type, has) => {
    expect(gets([...wanted], type)).toBe(has);
    const [row] = await test.database.pg`
      select ${[...wanted]}::text[] && knockon.wanted_as(${type}) as has`;
    expect(row!.has).toBe(has);
  });

  it('costs no call of a function where events are matched', async () => {
    const plan = await test.database.pg`
      explain (verbose) select s.name from knockon.outbox o
      join knockon.subscribers s on s.event_types && knockon.wanted_as(o.type)`;
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('split_part');
    expect(text).not.toContain('wanted_as');
  });

  it('decides whom an event is for: as it waits, as it is dispatched, and in a replay', async () => {
    const { pg } = test.database;
    const { workspaceId } = await aChannel(test.database);
    for (const type of ['invoice.paid', 'invoice.voided', 'invoice_line.added'])
      await pg`select knockon.emit(${type}, ${workspaceId}::uuid, '{"amount": 1}')`;
    const noQueues = { describe: () => Promise.reject(new Error('none')) };
    const context = { database: test.database, queues: noQueues } as never;
    const backlogs = (await subscriberStatuses(context)).map((s) => [s.name, s.backlog]);
    expect(backlogs).toEqual([
      ['all', 3],
      ['invoices', 2],
      ['lines', 1],
      ['paid', 1],
    ]);
    const claimed = (await claim(pg, 100)).map(({ type, subscribers }) => [
      type,
      subscribers.map(({ name }) => name),
    ]);
    expect(claimed.sort()).toEqual([
      ['invoice.paid', ['all', 'invoices', 'paid']],
      ['invoice.voided', ['all', 'invoices']],
      ['invoice_line.added', ['all', 'lines']],
    ]);
    const input = { from: new Date(0).toISOString() };
    const [operation] = await pg`
      insert into knockon.operations (verb, input, by) values ('replay', ${pg.json(input)}, 'test')
      returning *`;
    expect(await replay.count(test.database as never, operation as never)).toBe(7);
  });

  it('is handed over to one that has all of it', async () => {
    const handOver = (name: string, to: string) =>
      test.database.db.transaction((tx) =>
        retire(tx, { name, by: 'tests', open: 'hand_over', to }, null),
      );
    await expect(handOver('invoices', 'paid')).rejects.toThrow('paid does not take invoice.*');
    await expect(handOver('all', 'invoices')).rejects.toThrow('the retired subscriber takes all');
    expect(await handOver('paid', 'invoices')).toMatchObject({ verb: 'retire' });
  });
});
