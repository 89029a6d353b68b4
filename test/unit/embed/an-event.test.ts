import { expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/events/index.ts';
import { anEvent } from '../../../src/testing/index.ts';

const ticketSold = defineEvent('ticket.sold', {
  version: 2,
  payload: z.object({ price: z.number() }),
  upcast: ({ amount }) => ({ price: Number(amount) }),
});

it('an event for a test has the name and the version of its type, and its payload is typed', () => {
  const event = anEvent(ticketSold, { payload: { price: 5 }, key: 'row-1' });
  expect(event).toMatchObject({ type: 'ticket.sold', version: 2, key: 'row-1', seq: 0 });
  expectTypeOf(event.payload.price).toBeNumber();
  expect(anEvent('ticket.sold')).toMatchObject({ type: 'ticket.sold', version: 2 });
  expect(anEvent('ticket.sold', { version: 1 }).version).toBe(1);
  expect(anEvent('chair.sold')).toMatchObject({ type: 'chair.sold', version: 1 });
});

it.each([undefined, null, 5, {}, { name: 'ticket.sold', version: 2 }])(
  'an event for a test is of no other type: %j',
  (type) => {
    expect(() => anEvent(type as never)).toThrow(TypeError);
    expect(() => anEvent(type as never)).toThrow('`type` must be what defineEvent returned');
  },
);
