import { expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import {
  connect,
  defineEffect,
  defineEvent,
  EventSchemaError,
  migrate,
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

const written = defineEffect(effect);
const call = aCallTo as (...given: unknown[]) => Promise<unknown>;
const fanOut = FanOut.open as (...given: unknown[]) => Promise<unknown>;
const runs = (given: object) => () => runEffects({ effects: [written], ...given } as never);
const connects = (given: object | null) => () => connect(given as never);

it.each<[string, () => unknown, string]>([
  ['connect', connects(null), 'its options must be an object, not null'],
  ['connect', connects({ url: 5 }), '`url` must be a string, not 5'],
  ['connect', connects({ connections: Number.NaN }), '`connections` must be a whole number'],
  ['connect', connects({ connections: 0 }), 'from 1 to 1000, not 0'],
  ['connect', connects({ connections: 1.5 }), 'not 1.5'],
  ['connect', connects({ statementMs: 'x' }), '`statementMs` must be a whole number'],
  ['connect', connects({ name: {} }), '`name` must be a string, not an object'],
  ['migrate', () => migrate({} as never), '`url` must be a string'],
  ['runEffects', () => (runEffects as () => unknown)(), 'its options must be an object'],
  ['runEffects', runs({ concurrency: 0 }), '`concurrency` must be a whole number from 1 to 1000'],
  ['runEffects', runs({ concurrency: 'x' }), '`concurrency` must be a whole number'],
  ['runEffects', runs({ concurrency: 1.5 }), '`concurrency` must be a whole number'],
  ['runEffects', runs({ transport: 'pgboss' }), 'must be "temporal" or "pg-boss", not "pgboss"'],
  ['runEffects', runs({ signals: 'no' }), '`signals` must be true or false'],
  ['runEffects', runs({ env: 'no' }), '`env` must be an object'],
  ['runEffects', runs({ temporal: { address: 7233 } }), '`address` must be a string'],
  ['runEffects', runs({ temporal: 'here:7233' }), '`temporal` must be an object'],
  ['runEffects', runs({ database: Promise.resolve() }), 'what `connect` resolves to: wait for it'],
  ['runEffects', runs({ effects: [effect] }), 'an array of what `defineEffect` returns'],
  ['runEffects', runs({ effects: written }), 'an array of what `defineEffect` returns'],
  ['FanOut.open', () => fanOut({}, written), 'an array of what `defineEffect` returns'],
  ['FanOut.open', () => fanOut({}, [written, written]), 'two effects called "books"'],
  ['FanOut.open', () => fanOut({}, [written], { server: 5 }), '`server` must be a string'],
  ['aCallTo', () => call(effect, { database: {} }), 'what defineEffect returns'],
  [
    'aCallTo',
    () => call(written, { database: {} }, { now: new Date() }),
    '`now` must be a function',
  ],
  ['createClient', () => createClient({ url: 'http://x', retries: Number.NaN }), '`retries`'],
  ['createClient', () => createClient({ url: 'http://x', maxWaitMs: -1 }), '`maxWaitMs`'],
  ['createClient', () => createClient({ url: 'http://x', timeoutMs: '5' as never }), '`timeoutMs`'],
])('%s refuses an option that is not what it must be', async (what, given, why) => {
  const refused = (async () => given())();
  await expect(refused).rejects.toThrow(TypeError);
  await expect(refused).rejects.toThrow(why);
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
