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
