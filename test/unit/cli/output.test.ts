import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, styled } from '../../../src/cli/terminal/output.ts';
import { table } from '../../../src/cli/terminal/table.ts';
import { visible } from '../../../src/cli/terminal/visible.ts';
import { startStandIn } from '../../harness/api-stand-in.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';

describe('a duration', () => {
  it.each([
    [0, '0 ms'],
    [38.4, '38 ms'],
    [999, '999 ms'],
    [1000, '1.0 s'],
    [4210, '4.2 s'],
    [60_000, '1 min 0 s'],
    [185_000, '3 min 5 s'],
    [3_600_000, '1 h 0 min'],
    [90 * 60_000, '1 h 30 min'],
  ])('of %d ms is said as %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it('never has 60 seconds or minutes left over', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 9 }), (ms) => {
        const [, rest] = /(?:min|h) (\d+) (?:s|min)$/.exec(duration(ms)) ?? [];
        expect(Number(rest ?? 0)).toBeLessThan(60);
      }),
    );
  });
});

describe('a table', () => {
  const cells = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{0,12}$/), fc.nat()), { maxLength: 8 });

  it('has a line for its head and one for each row, and all columns begin at one place', () => {
    fc.assert(
      fc.property(cells, (rows) => {
        const lines = table(aTerminal(), ['name', 'count'], rows, 1).split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        const width = Math.max(...lines.map((line) => line.length));
        expect(lines.filter((line) => line.length !== width)).toEqual([]);
        for (const [i, [name, count]] of rows.entries()) {
          expect(lines[i + 1]?.startsWith(name)).toBe(true);
          expect(lines[i + 1]?.endsWith(` ${count}`)).toBe(true);
        }
      }),
    );
  });

  it('keeps a cell on its line, and its own colours and no others', () => {
    const colourful = { ...aTerminal(), colours: true };
    const cells = [styled(colourful, 'green', 'active'), 'a\n\u001b[32mb\tc'];
    const [head, row, ...more] = visible(table(colourful, ['state', 'why'], [cells])).split('\n');
    expect([row, more]).toEqual([
      String.raw`${'\u001b[32m'}active${'\u001b[39m'}  a\x0a\x1b[32mb\x09c`,
      [],
    ]);
    expect(stripVTControlCharacters(head!).indexOf('why')).toBe(
      stripVTControlCharacters(row!).indexOf('a\\x0a'),
    );
  });

  it('shows a dash for what is not there, and no line ends with spaces', () => {
    expect(table(aTerminal(), ['a', 'b'], [[null, undefined]])).toBe('a  b\n–  –');
    expect(table(aTerminal(), ['a', 'b'], [['long', 'x']])).toBe('a     b\nlong  x');
  });
});

describe('what somebody else has written', () => {
  const FORGED = 'why\n✓ forged \u001b[32mAll is well.\r\u202e';
  const SHOWN = String.raw`why\x0a✓ forged \x1b[32mAll is well.\x0d\u202e`;
  const paused = { by: 'an operator', at: '2024-01-15T12:00:00Z', until: null, reason: FORGED };
  const subscriber = {
    ...{ name: 'search', state: 'paused', health: 'ok', task_queue: 'effects.search', paused },
    ...{ versions: [], workers: 1, backlog: 0, waiting: 0, rate: 0, error_rate: 0, applied: true },
    per_workspace: { concurrency: null, per_second: null, own: [] },
  };
  const operation = {
    ...{ id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70', verb: 'retry', state: 'failed', total: 1 },
    ...{ done: 0, skipped: 0, failed: 1, eta_seconds: null, workflow: null, error: FORGED },
    failures: [{ subject: 'm', reason: FORGED }],
  };
  const endpoint = {
    ...{ id: operation.id, url: 'https://a.example/', workspace_name: FORGED, workspace_id: 'w' },
    ...{ description: FORGED, event_types: ['*'], state: 'disabled', resting_until: null },
    disabled: { by: 'operator', at: paused.at, reason: FORGED },
    ...{ max_per_second: null, max_concurrency: null, given_up: 0, answers: [], failures: 0 },
    ...{ waiting: { count: 0, oldest_at: null }, failing_since: null, next_try_at: null },
  };
  const schedule = {
    ...{ name: 's', state: 'paused', cron: '@daily', zone: 'UTC', event_type: 'a.b', key: FORGED },
    ...{ workspace_name: FORGED, payload: {}, overlap: 'allow', missed: null, next: [], runs: [] },
    ...{ paused, last_error: FORGED },
  };
  const answers = {
    'GET /v1/ops/subscribers': { data: [subscriber], next_cursor: null },
    'GET /v1/ops/doctor': {
      ok: false,
      findings: [{ check: 'pauses', ok: false, detail: FORGED, remedy: FORGED }],
    },
    'GET /v1/ops/log': {
      data: [{ at: '', by: FORGED, verb: 'pause', subject: 's', detail: {}, reason: FORGED }],
      next_cursor: null,
    },
    [`GET /v1/ops/operations/${operation.id}`]: operation,
    [`GET /v1/ops/endpoints/${operation.id}`]: endpoint,
    'GET /v1/ops/schedules/s': schedule,
  };

  it.each([
    [['subscribers'], 1],
    [['doctor'], 2],
    [['log'], 2],
    [['operations', operation.id], 2],
    [['endpoints', 'show', operation.id], 3],
    [['schedules', 'show', 's'], 4],
  ])('begins no line of its own and changes no colours in knockon %j', async (words, times) => {
    const api = await startStandIn();
    Object.assign(api.answers, answers);
    const env = { KNOCKON_API_URL: api.url, KNOCKON_ADMIN_KEY: api.key };
    const { out, err } = await runCommand(words, env).finally(() => api.close());
    expect(err).toBe('');
    expect(out.split(SHOWN)).toHaveLength(times + 1);
    expect(out).not.toMatch(/^✓ forged/m);
    expect(out).not.toContain('\u001b');
  });
});
