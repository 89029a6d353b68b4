import { beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigError,
  connect,
  defineEvent,
  emit,
  migrate,
  runEffects,
  z,
} from '../../../src/index.ts';
import { aWorkspace } from '../../../src/testing/index.ts';
import { emptyDatabase } from '../../harness/database.ts';

const invoiceSent = defineEvent('invoice.sent', { payload: z.object({ id: z.string() }) });
let url: string;

beforeAll(async () => {
  url = await emptyDatabase();
});

describe('an application that connects', () => {
  it('may do so before anything is migrated', async () => {
    const database = await connect({ url });
    expect(await database.pg`select 1 as one`).toEqual([{ one: 1 }]);
    await database.close();
  });

  it('migrates as often as it likes, and has its event types known once it has connected', async () => {
    await Promise.all([migrate(url), migrate(url)]);
    const database = await connect({ url });
    const [row] = await database.pg`
      select version, source from knockon.event_types where name = 'invoice.sent'`;
    expect(row).toEqual({ version: 1, source: 'code' });
    const workspaceId = await aWorkspace({ database });
    const event = await database.pg.begin((tx) =>
      emit(tx, { type: invoiceSent, workspaceId, key: 'invoice-1', payload: { id: '1' } }),
    );
    expect(event).toMatchObject({ type: 'invoice.sent', key: 'invoice-1', seq: 0 });
    await database.close();
  });

  it.each([
    ['nonsense', {}, 'it must be a URL such as'],
    [undefined, {}, 'DATABASE_URL is not set'],
    ['postgres://localhost/x', { KNOCKON_SCHEMA: 'pg_mine' }, 'KNOCKON_SCHEMA is "pg_mine"'],
  ])('hears what is wrong with %s %o', async (bad, env: Record<string, string>, why) => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      await expect(connect({ url: bad })).rejects.toThrow(ConfigError);
      await expect(migrate(bad)).rejects.toThrow(why);
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  it('hears that nobody answers, with the code and without a password', async () => {
    const error = await connect({ url: 'postgres://me:hidden@127.0.0.1:1/x' }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(String(error)).not.toContain('hidden');
  });
});

describe('effects of its own', () => {
  it('are told where the database has no Knock-on, and what to do', async () => {
    const { defineEffect } = await import('../../../src/index.ts');
    const options = { name: 'mine', description: '', on: ['*'], transact: async () => {} };
    const running = runEffects({
      effects: [defineEffect(options)],
      url: await emptyDatabase(),
      transport: 'pg-boss',
      env: { LOG_LEVEL: 'error' },
    });
    await expect(running).rejects.toThrow(
      'this database has no Knock-on, or an older one. Run knockon migrate',
    );
  });

  it.each([
    [{ KNOCKON_CONCURENCY: '5' }, 'did you mean KNOCKON_CONCURRENCY?'],
    [{ TEMPORAL_ADDRESS: 'nowhere' }, 'must be host:port'],
  ])('do not start with %o', async (env, why) => {
    const { defineEffect } = await import('../../../src/index.ts');
    const effect = defineEffect({
      name: 'mine',
      description: '',
      on: [invoiceSent],
      transact: async () => {},
    });
    await expect(runEffects({ effects: [effect], url, env })).rejects.toThrow(why);
    await expect(runEffects({ effects: [], url })).rejects.toThrow('`effects` is empty');
    await expect(runEffects({ effects: [effect, effect], url })).rejects.toThrow('called "mine"');
  });
});
