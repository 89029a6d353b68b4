import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asSafeError, safeError, safeReason, withoutValues } from '../../../src/safe-error.ts';
import { LimitedLog } from '../../../src/workers/process/limited-log.ts';
import { createLog } from '../../../src/workers/process/process.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

/** As postgres.js makes them. */
const ofPostgres = (code: string, message: string, rest: object = {}) =>
  Object.assign(new Error(message), {
    name: 'PostgresError',
    severity: 'ERROR',
    code,
    detail: 'Key (email)=(canary) exists',
    ...rest,
  });

describe('of what Postgres says', () => {
  test.each([
    [
      '23505',
      'duplicate key value violates unique constraint "members_pkey"',
      {},
      'duplicate key value violates unique constraint "members_pkey"',
    ],
    ['42P01', 'relation "messages" does not exist', {}, 'relation "messages" does not exist'],
    [
      '53100',
      'could not extend file "base/1": No space left on device',
      {},
      'could not extend file "base/1": No space left on device',
    ],
    [
      '22P02',
      'invalid input syntax for type uuid: "canary "of" canary"',
      {},
      'invalid input syntax for type uuid: "…"',
    ],
    ['42601', 'syntax error at or near "canary"', {}, 'syntax error at or near "…"'],
    [
      '42703',
      'column "canary" does not exist',
      { where: 'PL/pgSQL function f() line 1 at EXECUTE' },
      'column "…" does not exist',
    ],
    [
      'P0001',
      'no canary here',
      { where: 'PL/pgSQL function refuse() line 3 at RAISE' },
      "the function refuse, line 3, raised it; Postgres' log has its message",
    ],
    [
      '23514',
      'no canary here',
      { routine: 'exec_stmt_raise' },
      "a function of the database raised it; Postgres' log has its message",
    ],
    ...[
      '08006',
      '25006',
      '40001',
      '53100',
      '54000',
      '55000',
      '57014',
      '58000',
      '22000',
      '42501',
    ].map((code): [string, string, object, string] => [
      code,
      'no canary here',
      { routine: 'exec_stmt_raise', where: 'PL/pgSQL function refuse() line 3 at RAISE' },
      "the function refuse, line 3, raised it; Postgres' log has its message",
    ]),
    [
      '55000',
      'no canary here',
      { routine: 'PLy_output', where: 'PL/Python function "refuse"' },
      "a function of the database raised it; Postgres' log has its message",
    ],
    [
      'ABC01',
      'no canary here',
      {},
      "a function of the database raised it; Postgres' log has its message",
    ],
  ])('%s keeps what names the schema and the server, and no value', (code, message, rest, told) => {
    expect(safeReason(ofPostgres(code, message, rest))).toBe(`${told} (SQLSTATE ${code})`);
  });

  test('what it is about is told by its code and the names in the schema alone, also to whoever prints the error', () => {
    const error = withoutValues(
      ofPostgres('23505', 'duplicate key value', { table_name: 'members', where: 'canary' }),
    );
    expect(error).toMatchObject({
      name: 'PostgresError',
      code: '23505',
      severity: 'ERROR',
      table_name: 'members',
    });
    expect(inspect(error) + JSON.stringify(error)).not.toContain('canary');
  });
});

describe('of any other error', () => {
  test.each([
    [new Error('no user "canary"'), 'no user "…"'],
    [new Error("can't find 'canary's own' here"), "can't find '…' here"],
    [new Error('ada.canary@example.com is gone'), '…@… is gone'],
    [
      new Error('GET https://ada:canary@example.com:8080/canary?q=canary failed'),
      'GET https://example.com:8080/… failed',
    ],
    [new Error('key kn_canary is wrong'), 'key … is wrong'],
    [new Error('one\u001b[31m\ntwo \u202ethree'), 'one [31m two  three'],
    [new Error('x'.repeat(1000)), '…'],
    [new Error('ab '.repeat(100)), `${'ab '.repeat(100).slice(0, 200)}…`],
    ['thrown "canary"', 'thrown "…"'],
    [{ of: 'canary' }, 'something was thrown that is no error: object'],
  ])(
    'what somebody throws (%#) is told without quotations, addresses, paths and keys, on one line',
    (error, told) => {
      expect(safeReason(error)).toBe(told);
    },
  );

  test('a parser that quotes what it was given is told without that', () => {
    const parse = () => JSON.parse('canary of text');
    expect(parse).toThrow();
    try {
      parse();
    } catch (error) {
      expect(JSON.stringify(safeError(error))).not.toContain('canary');
    }
  });

  test('name, code, frames and causes are there, and frames are no part of a message', () => {
    const cause = Object.assign(new RangeError('too far\n    at canary (canary.ts:1:1)'), {
      code: 'ERR_FAR',
      extra: 'canary',
    });
    const told = safeError(new TypeError('not so', { cause }));
    expect(told).toMatchObject({
      name: 'TypeError',
      message: 'not so',
      cause: { name: 'RangeError', code: 'ERR_FAR' },
    });
    expect(told.stack?.split('\n')[0]).toMatch(/^ {4}at .*safe-error\.test\.ts:\d+:\d+/);
    expect(told.cause?.stack).not.toContain('canary');
    expect(inspect(asSafeError(new Error('outer', { cause })))).not.toContain('extra');
  });

  test('of a workflow, which is of another realm, all of that is there too', () => {
    const error: unknown = runInNewContext("new TypeError('from elsewhere')");
    expect(error instanceof Error).toBe(false);
    expect(safeError(error)).toMatchObject({ name: 'TypeError', message: 'from elsewhere' });
  });
});

describe('a statement that fails', () => {
  let fresh: TestDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.close());

  test('throws nothing that holds its parameters, by drizzle or without, in a transaction or not', async () => {
    const { db, pg } = fresh.database;
    const { sql: part } = await import('drizzle-orm');
    const failing = [
      () => db.execute(part`select ${'canary'}::text::uuid`),
      () => db.transaction((tx) => tx.execute(part`select ${'canary'}::text::uuid`)),
      () => pg`select ${'canary'}::text::uuid`,
      () => pg.begin((tx) => tx`select ${'canary'}::text::uuid`),
    ];
    for (const fail of failing) {
      const error = await Promise.resolve(fail()).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(safeReason(error)).toBe('invalid input syntax for type uuid: "…" (SQLSTATE 22P02)');
      const lines: string[] = [];
      // As somebody logs who knows nothing of ours.
      pino({ level: 'info' }, { write: (line) => void lines.push(line) }).error(
        { err: error },
        'failed',
      );
      expect(lines.join('') + inspect(error)).not.toContain('canary');
    }
  });
});

describe('the log', () => {
  const lines: string[] = [];
  const log = createLog('test', 'info', { write: (line) => void lines.push(line) });
  const entries = () => lines.splice(0).map((line) => JSON.parse(line));

  test('says the level as a word, the time in ISO 8601, and errors by whichever name', () => {
    log.warn(
      { error: new Error('no "canary"'), err: ofPostgres('23505', 'duplicate key value') },
      'Workflow failed',
    );
    const [entry] = entries();
    expect(entry).toMatchObject({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: 'Workflow failed',
      error: {
        name: 'Error',
        message: 'no "…"',
        stack: expect.stringContaining('safe-error.test.ts'),
      },
      err: {
        name: 'PostgresError',
        code: '23505',
        message: 'duplicate key value (SQLSTATE 23505)',
      },
    });
    expect(JSON.stringify(entry)).not.toContain('canary');
  });

  test('of a thousand lines of a kind has the first, and how many were left out for which cause', () => {
    const sparing = new LimitedLog(log);
    for (let i = 0; i < 1000; i++)
      sparing.warn(
        { subscriber: 'webhooks' },
        { cause: i % 4 ? 'HTTP 500' : 'timeout' },
        'not done',
      );
    sparing.warn({ subscriber: 'search' }, { cause: 'other' }, 'not done');
    sparing.close();
    const written = entries();
    expect(written).toHaveLength(22);
    expect(written.find(({ subscriber }) => subscriber === 'search')).toMatchObject({
      cause: 'other',
    });
    expect(written.at(-1)).toMatchObject({
      subscriber: 'webhooks',
      left_out: 980,
      causes: { 'HTTP 500': 735, timeout: 245 },
    });
  });
});
