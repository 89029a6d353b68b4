import { expect, it } from 'vitest';
import {
  connect,
  defineEffect,
  defineEvent,
  EventSchemaError,
  runEffects,
  z,
} from '../../../src/index.ts';
import { aCallTo, anEvent, FanOut } from '../../../src/testing/index.ts';

const effect = { name: 'books', description: '', on: ['*'], transact: async () => {} };
const payload = z.object({ id: z.string() });

it.each<[string, () => unknown, string]>([
  ['connect', () => connect({ directURL: '' } as never), 'did you mean `directUrl`?'],
  ['runEffects', () => runEffects({ effcts: [] } as never), 'did you mean `effects`?'],
  [
    'runEffects',
    () => runEffects({ effects: [], temporal: { adress: 'x:1' } } as never),
    '`temporal`: `adress` is unknown; did you mean `address`?',
  ],
  ['event', () => defineEvent('a.made', { payload, exampels: [] } as never), '`examples`?'],
  ['effect', () => defineEffect({ ...effect, timout: '1s' } as never), '`timeout`?'],
  ['effect', () => defineEffect({ ...effect, retry: { attempt: 3 } } as never), '`attempts`?'],
  ['effect', () => defineEffect({ ...effect, limit: { perSec: 3 } } as never), '`perSecond`?'],
  ['effect', () => defineEffect({ ...effect, orderng: 'key' } as never), '`ordering`?'],
  [
    'aCallTo',
    () => aCallTo(defineEffect(effect), { database: {} } as never, { nov: 1 } as never),
    '`now`?',
  ],
  ['FanOut.open', () => FanOut.open({} as never, [], { sever: '' } as never), '`server`?'],
  ['anEvent', () => anEvent('a.made', { paylod: {} } as never), '`payload`?'],
])('%s refuses an option that is unknown, with a near spelling', async (what, call, hint) => {
  const refused = (async () => call())();
  await expect(refused).rejects.toThrow(TypeError);
  await expect(refused).rejects.toThrow(hint);
  await expect(refused).rejects.toThrow(what);
});

it('an effect must have something to call', () => {
  const { transact, ...rest } = effect;
  expect(() => defineEffect(rest as never)).toThrow('neither `transact` nor `perform`');
  expect(defineEffect({ ...rest, transact }).name).toBe('books');
});

it.each([{}, { payload: null }, { payload: 'x' }])(
  'an event type must have a payload, not %j',
  (given) => {
    expect(() => defineEvent('a.made', given as never)).toThrow(EventSchemaError);
    expect(() => defineEvent('a.made', given as never)).toThrow('`payload` must be a zod schema');
  },
);
