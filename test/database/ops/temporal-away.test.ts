import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { runOperation } from '../../../src/ops/operations/runner.ts';
import { ResetError } from '../../../src/transport/operation.ts';
import { OPERATOR, request, type TestApi, useApi } from '../api/test-api.ts';

const api = useApi();

/** What resetting a workflow comes to. */
let answer: () => Promise<string>;
let app: TestApi['app'];
beforeEach(() => {
  answer = async () => 'a run';
  app = api.another({ resetWorkflow: () => answer() });
});

/** As Temporal's client throws it, with gRPC's code in the cause. */
const failed = (code: number) => async () => {
  throw new Error('failed to describe', { cause: Object.assign(new Error('gRPC'), { code }) });
};
const away = [
  ['is away', 14],
  ['is silent', 4],
  ['has no room', 8],
] as const;
const resetOne = (id: string) =>
  request(app, 'POST', `/v1/ops/workflows/${id}/reset`, { key: OPERATOR });
const log = async (id: string) =>
  (await request(app, 'GET', `/v1/ops/log?subject=${id}`, { key: OPERATOR })).body.data;

describe('resetting a workflow', () => {
  test.each(away)('answers 503 with Retry-After where Temporal %s', async (_, code) => {
    answer = failed(code);
    const { status, headers, body } = await resetOne('some');
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('5');
    expect(body).toMatchObject({ detail: 'Temporal does not answer; try again in a moment.' });
  });

  test('answers 500 where Temporal fails otherwise', async () => {
    answer = failed(13);
    expect((await resetOne('some')).status).toBe(500);
  });

  test('holds no connection while Temporal is asked, and is in the log by then', async () => {
    let open: unknown;
    let entries: unknown;
    answer = async () => {
      entries = await log('asked');
      const [row] = await api.database.pg`
        select count(*)::int as n from pg_stat_activity where state = 'idle in transaction'
          and datname = current_database()`;
      open = row?.n;
      return 'a run';
    };
    expect((await resetOne('asked')).status).toBe(200);
    expect(open).toBe(0);
    expect(entries).toMatchObject([{ verb: 'reset', subject: 'asked' }]);
  });

  test('that is refused leaves nothing in the log', async () => {
    answer = async () => {
      throw new ResetError('conflict', 'it is running');
    };
    expect((await resetOne('running')).status).toBe(409);
    expect(await log('running')).toEqual([]);
  });
});

test.each(away)('resets of many wait where Temporal %s, and go on after it', async (_, code) => {
  const deps = {
    pg: api.database.pg,
    resetWorkflow: () => answer(),
    log: pino({ level: 'silent' }),
  } as never;
  const input = { workflow_ids: ['one', 'two'] };
  const [row] = await api.database.pg<{ id: string }[]>`
    insert into knockon.operations (verb, input, by)
      values ('reset', ${api.database.pg.json(input)}, 'test') returning id`;
  const run = () => runOperation(deps, row!.id, new AbortController().signal, 60_000);
  answer = failed(code);
  for (let i = 0; i < 6; i += 1)
    expect(await run()).toMatchObject({ state: 'running', done: 0, failed: 0, wait_ms: 5000 });
  answer = async () => 'a run';
  expect(await run()).toMatchObject({ state: 'done', done: 2, failed: 0 });
});
