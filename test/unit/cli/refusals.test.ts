import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StandIn, startStandIn } from '../../harness/api-stand-in.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';

const id = '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70';
let api: StandIn;
beforeEach(async () => {
  api = await startStandIn();
  api.answers['POST /v1/ops/replays'] = { summary: 'All', effects: 1, subscribers: [] };
});
afterEach(() => api.close());

it.each([
  [['retire', 'links', '--open', 'discard'], /Discard what links has open\?/],
  [['discard', id, '--reason', 'x'], /Discard 1 dead letter for good\?/],
  [['keys', 'revoke', id], /Take away 1 key for good\?/],
  [['schedules', 'delete', 'daily'], /Delete the schedule daily\?/],
  [['replay', '--from', '2h'], /Bring about 1 effect\?/],
])('knockon %j does nothing without --yes where nobody can be asked', async (words, question) => {
  const env = { KNOCKON_API_URL: api.url, KNOCKON_ADMIN_KEY: api.key };
  for (const more of [[], ['--json']]) {
    const { exitCode, err } = await runCommand([...words, ...more], env);
    expect(err).toMatch(question);
    expect(err).toContain('pass --yes');
    expect(exitCode).toBe(2);
  }
  const changes = api.requests.filter((one) => !/^GET |replays$/.test(one));
  expect(changes).toEqual([]);
});

it.each([
  [['worker', 'effects', '--only', ','], /--only.* names no effect/],
  [['worker', 'effects', '--only', ''], /--only.* names no effect/],
  [
    ['subscribe', 'crm', '--url', 'https://a.example/', '--on', ' , '],
    /--on.* names no event type/,
  ],
])('knockon %j is wrong usage: a list without a name', async (words, reason) => {
  const { exitCode, out, err } = await runCommand(words);
  expect([exitCode, out]).toEqual([2, '']);
  expect(err).toMatch(reason);
});

it.each([['Infinity'], ['1e999'], ['-Infinity'], ['NaN']])(
  'knockon limit refuses %s: in JSON it is null, which takes the limit off',
  async (rate) => {
    const { exitCode, err } = await runCommand(['limit', 'search', '--', rate]);
    expect([exitCode, err]).toEqual([2, expect.stringContaining('a number above 0, or off')]);
  },
);

it('a time from now that no calendar has is told so, and not as an error nobody foresaw', async () => {
  const words = ['emit', 'a.b', '{}', '--workspace', 'w', '--in', '9999999y'];
  const { exitCode, err } = await runCommand(words);
  expect([exitCode, err]).toEqual([2, expect.stringContaining('a duration such as 30m')]);
});

it('knockon schedules backfill takes a time ago, as replay and failed do, and refuses what is none', async () => {
  const env = { KNOCKON_API_URL: api.url, KNOCKON_ADMIN_KEY: api.key };
  api.answers['POST /v1/ops/schedules/daily/backfill'] = { due: 0, emitted: [] };
  const backfill = (from: string) =>
    runCommand(['schedules', 'backfill', 'daily', '--from', from], env);
  expect(await backfill('1h')).toMatchObject({ exitCode: 0, err: '' });
  expect(await backfill('soon')).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('--from "soon" must be a moment'),
  });
});
