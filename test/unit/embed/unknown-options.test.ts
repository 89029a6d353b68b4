import { expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import {
  connect,
  dead,
  defineEffect,
  defineEvent,
  EventSchemaError,
  later,
  laterIn,
  migrate,
  retry,
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

it.each<[string, object]>([
  ['`ordering` must be "none" or "key" or "exclusive", not "keys"', { ordering: 'keys' }],
  ['`as` must be "current" or "stored", not "raw"', { as: 'raw' }],
  ['`again` must be "freely"', { again: 'always' }],
  ['`onPoison` must be "block" or "park"', { ordering: 'key', onPoison: 'skip' }],
  ['it has both `transact` and `perform`', { perform: async () => {} }],
  ['it has neither `transact` nor `perform`', { transact: undefined }],
  ['`transact` must be a function, not a string', { transact: 'x' }],
  ['its name must be', { name: undefined }],
  ['its name must be', { name: ['books'] }],
  ['`description` must be a string', { description: 5 }],
  ['`on` must be an array', { on: 'c1.paid' }],
  ['`on` must be an array', { on: undefined }],
  ['`on` has something that is no event type', { on: [null] }],
  ['`on` has something that is no event type', { on: [{}] }],
  ['5 is not a duration such as "30s"', { timeout: 5 }],
  ['timeout "30d" is longer than a day', { timeout: '30d' }],
  ['5 is not a duration', { retry: { initial: 5 } }],
  ['`retry` must be an object', { retry: 5 }],
  ['retry.backoff two', { retry: { backoff: 'two' } }],
  ['retry.backoff NaN', { retry: { backoff: Number.NaN } }],
  ['limit.perSecond 5 is not a number', { limit: { perSecond: '5' } }],
  ['perWorkspace.perSecond 5 is not a number', { perWorkspace: { perSecond: '5' } }],
  ['`waiting` must be a whole number', { waiting: 1.5 }],
  ['`manyTargets` must be true or false', { manyTargets: 1 }],
  ['`debounce` must be an object', { debounce: '1s' }],
  ['`settings` must be an object', { settings: 'x' }],
])('an effect is refused: %s', (why, wrong) => {
  expect(() => defineEffect({ ...effect, ...wrong } as never)).toThrow(TypeError);
  expect(() => defineEffect({ ...effect, ...wrong } as never)).toThrow(why);
});

it('an effect is refused that is none', () => {
  expect(() => defineEffect(undefined as never)).toThrow('its options must be an object');
});

it('what is undefined is left out of an effect', () => {
  const { transact: _, ...rest } = effect;
  const options = { ...rest, transact: undefined, perform: async () => {}, batch: undefined };
  const made = defineEffect(options as never);
  expect(made).toMatchObject({ again: 'asked', batch: 2000 });
  expect(made).not.toHaveProperty('transact');
});

const event = anEvent('a.made');
it.each<[string, () => unknown]>([
  ['later(): `until` must be a valid Date', () => later(event, 'soon' as never)],
  ['later(): `until` must be a valid Date', () => later(event, undefined as never)],
  ['later(): `until` must be a valid Date', () => later(event, new Date('soon'))],
  ['laterIn(): `ms` must be a number, not NaN', () => laterIn(event, Number.NaN)],
  [
    'dead(): `cuase` is unknown; did you mean `cause`?',
    () => dead(event, 'x', { cuase: 'y' } as never),
  ],
  [
    'retry(): `afterMs` is unknown; did you mean `after_ms`?',
    () => retry(event, 'x', { afterMs: 5 } as never),
  ],
  ['retry(): `after_ms` must be a number', () => retry(event, 'x', { after_ms: '5' as never })],
  ['must be given an event, or {event, target}', () => retry(event.id as never, 'x')],
  ['must be given an event, or {event, target}', () => dead(undefined as never, 'x')],
])('an answer is refused: %s', (why, make) => {
  expect(make).toThrow(TypeError);
  expect(make).toThrow(why);
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
