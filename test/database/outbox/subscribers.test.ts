import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Registration, register } from '../../../src/outbox/subscribers.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test?.close());

const a = (rest: Partial<Registration> & { name: string }): Registration => ({
  description: '',
  event_types: ['*'],
  task_queue: `effects.${rest.name}`,
  activity: rest.name,
  ordering: 'none',
  batch: 1,
  timeout_ms: 1000,
  retry: { attempts: 1, initial_ms: 1, max_ms: 1, backoff: 1 },
  ...rest,
});
const rows = () => test.database.pg`
  select name, host, description from knockon.subscribers order by name`;

describe('registering a subscriber', () => {
  it('says whose code it is, our worker’s by default, and again changes the rest', async () => {
    await register(test.database, [a({ name: 'mine' }), a({ name: 'theirs', host: 'http' })]);
    await register(test.database, [a({ name: 'theirs', host: 'http', description: 'new' })]);
    expect(await rows()).toEqual([
      { name: 'mine', host: 'effects', description: '' },
      { name: 'theirs', host: 'http', description: 'new' },
    ]);
  });

  it.each([
    ['an effect', 'effects', 'theirs', /theirs belongs to an HTTP subscriber: choose another/],
    ['a Temporal worker', 'worker', 'mine', /mine belongs to an effect of our workers: choose/],
  ] as const)(
    'is refused to %s where the name is another’s, and with it all beside it',
    async (_, host, name, message) => {
      const before = await rows();
      const registering = register(test.database, [a({ name: 'beside' }), a({ name, host })]);
      await expect(registering).rejects.toThrow(message);
      expect(await rows()).toEqual(before);
    },
  );
});
