import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/settings/config.ts';

const required = { DATABASE_URL: 'postgres://localhost/knockon', KNOCKON_SECRET: 'x'.repeat(32) };
const read = (env: Record<string, string>) => readConfig({ ...required, ...env });

/** What is told of a setting that can't be used; undefined where it can. */
function told(name: string, value: string): string | undefined {
  try {
    read({ [name]: value });
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[1]!.trim();
  }
}

const timers = {
  KNOCKON_SHUTDOWN: ['0s', '24d'],
  KNOCKON_DRAIN: ['0s', '24d'],
  KNOCKON_KEEP_ALIVE: ['1s', '24d'],
  KNOCKON_WEBHOOK_TIMEOUT: ['1s', '5m'],
  KNOCKON_WEBHOOK_PROBE: ['1s', '24d'],
  KNOCKON_STATEMENT_TIMEOUT: ['1s', '24d'],
  KNOCKON_CHECK_EVERY: ['100ms', '24d'],
  KNOCKON_RELAY_AGE: ['1s', '24d'],
  KNOCKON_READY_AGE: ['1s', '24d'],
  KNOCKON_PAUSED_TOO_LONG: ['0s', '24d'],
  KNOCKON_EMAIL_GRACE: ['0s', '24d'],
} as const;
const orOff = {
  KNOCKON_HEAL_AGE: ['100ms', '24d'],
  KNOCKON_NOTIFY_AGE: ['1s', '100y'],
  KNOCKON_RETENTION_EVENTS: ['1s', '100y'],
  KNOCKON_RETENTION_RECEIPTS: ['1s', '100y'],
} as const;
const durations = Object.entries({ ...timers, ...orOff });

describe('a setting that is a duration', () => {
  test.each(durations)('%s is refused without a unit', (name) => {
    for (const value of ['90', ' 10 ', '1e3', '5 parsecs', '-1s', '9'.repeat(120)])
      expect(told(name, value)).toMatch(
        `${name} is ${JSON.stringify(value)}: it must be a duration`,
      );
  });

  test.each(durations)('%s has bounds, which are told', (name, [least, most]) => {
    const beyond = most === '24d' ? '25d' : most === '5m' ? '6m' : '101y';
    const problem = `${name} is "${beyond}": it must be a duration from ${least} to ${most}`;
    expect(told(name, beyond)).toContain(problem);
    expect(told(name, '60d') ?? '').toContain(most === '100y' ? '' : `${name} is "60d"`);
    for (const value of [least, most]) expect(told(name, value)).toBeUndefined();
  });

  test.each(durations)('%s may be 0 where that means something', (name, [least]) => {
    for (const value of ['0', '0s']) {
      if (least === '0s') expect(told(name, value)).toBeUndefined();
      else expect(told(name, value)).toContain(`from ${least} to `);
    }
  });

  test('is whole milliseconds', () => {
    expect(read({ KNOCKON_SHUTDOWN: '0.0015s' }).KNOCKON_SHUTDOWN).toBe(2);
    expect(read({ KNOCKON_SHUTDOWN: ' 1.5 m ' }).KNOCKON_SHUTDOWN).toBe(90_000);
    expect(read({ KNOCKON_SHUTDOWN: '.5s' }).KNOCKON_SHUTDOWN).toBe(500);
  });

  test('says "off" where it may be off', () => {
    for (const name of Object.keys(orOff)) {
      expect(told(name, '90')).toContain(', or "off"');
      expect(told(name, 'off')).toBeUndefined();
    }
  });
});

test('a window of a quota is no longer than a timer can wait', () => {
  for (const value of ['5/25d', '5/9999999y', `5/${'9'.repeat(120)}s`])
    expect(told('KNOCKON_RATE_LIMIT', value)).toContain('from 1s to 24d');
  expect(told('KNOCKON_RATE_LIMIT', '5/24d')).toBeUndefined();
});
