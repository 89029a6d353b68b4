import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/events/index.ts';
import { registerEventTypes } from '../../../src/events/register.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

const billed = defineEvent('order.billed', {
  version: 2,
  description: 'An order was billed.',
  payload: z.object({ amount: z.number().positive(), note: z.string().optional() }),
  examples: [{ amount: 5 }],
});

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test.close());

const rowsOf = (name: string) =>
  test.database.pg`
    select version, description, schema, examples, source from knockon.event_types
    where name = ${name} order by version`;

describe('declared event types', () => {
  it('are there as soon as the database is migrated, where they are built in', async () => {
    expect(await rowsOf('message.created')).toMatchObject([
      { version: 1, source: 'code', schema: { properties: { text: { type: 'string' } } } },
    ]);
  });

  it('are written by each process that starts, all at once', async () => {
    const told = await Promise.all(
      Array.from({ length: 8 }, () => registerEventTypes(test.database.pg)),
    );
    expect(told.flat()).toEqual([]);
    expect(await rowsOf('order.billed')).toMatchObject([
      { version: 2, description: 'An order was billed.', examples: [{ amount: 5 }] },
    ]);
  });

  it('stay as they are where a process of an older version starts', async () => {
    const older = { ...billed, version: 1, description: 'Older.' };
    expect(await registerEventTypes(test.database.pg, [older])).toEqual([]);
    const known = await new EventTypeRegistry(test.database).find('order.billed');
    expect(known?.version).toBe(2);
    expect(await rowsOf('order.billed')).toMatchObject([
      { version: 1, description: 'Older.' },
      { version: 2, description: 'An order was billed.' },
    ]);
  });

  it('keep their schema where the code has another one for the same version, which is told', async () => {
    const changed = { ...billed, schema: { type: 'object', required: ['currency'] } };
    const [told] = await registerEventTypes(test.database.pg, [changed]);
    expect(told).toContain('order.billed');
    expect(told).toContain('version: 3');
    expect(await rowsOf('order.billed')).toMatchObject([{}, { schema: billed.schema }]);
  });

  it('are not written where their schema can’t be used', async () => {
    const bad = {
      ...billed,
      version: 9,
      schema: { type: 'object', patternProperties: { '(': true } },
    };
    await expect(registerEventTypes(test.database.pg, [bad])).rejects.toThrow('RE2');
  });
});

describe('the registry', () => {
  it('checks payloads by the current version, or by the one that is asked for', async () => {
    await registerEventTypes(test.database.pg);
    const registry = new EventTypeRegistry(test.database);
    const known = await registry.find('order.billed');
    expect(known?.check({ amount: 3 })).toEqual([]);
    expect(known?.check({ amount: -3 })).toEqual([{ path: 'amount', message: 'must be > 0' }]);
    expect((await registry.find('order.billed', 1))?.version).toBe(1);
    expect(await registry.find('order.billed', 7)).toBeUndefined();
  });

  it('knows a new type at once, and a new version as soon as it is told', async () => {
    const registry = new EventTypeRegistry({ ...test.database, freshMs: 3_600_000 });
    expect(await registry.find('parcel.lost')).toBeUndefined();
    expect(await registry.unknown(['order.biled', 'order.billed'])).toEqual([
      { name: 'order.biled', message: 'is no event type; did you mean order.billed?' },
    ]);
    const parcel = { ...billed, name: 'parcel.lost', version: 1 };
    await registerEventTypes(test.database.pg, [parcel]);
    await expect.poll(() => registry.find('parcel.lost')).toMatchObject({ version: 1 });
    await registerEventTypes(test.database.pg, [{ ...parcel, version: 2 }]);
    await expect.poll(() => registry.find('parcel.lost')).toMatchObject({ version: 2 });
  });

  it('lets nothing pass where somebody has written a schema that is none', async () => {
    await test.database.pg`
      insert into knockon.event_types (name, version, schema, source)
      values ('row.broken', 1, '{"type": 7}', 'api')`;
    const known = await new EventTypeRegistry(test.database).find('row.broken');
    expect(known?.check({})).toMatchObject([{ message: expect.stringContaining('refused') }]);
  });
});
