import { describe, expect, test } from 'vitest';
import {
  firstAfter,
  firstOf,
  refusedZone,
  timesBetween,
  timesFrom,
} from '../../../src/ops/schedules/cron.ts';
import { refusedCron } from '../../../src/ops/schedules/cron-fields.ts';
import { payloadAt } from '../../../src/ops/schedules/runs.ts';

const berlin = (cron: string) => ({ cron, zone: 'Europe/Berlin' });
const between = (cron: string, from: string, to: string) =>
  timesBetween(berlin(cron), new Date(from), new Date(to), 1000).map((at) => at.toISOString());

// In 2027 Berlin's clock goes from 2:00 to 3:00 on March 28 at 01:00Z, and from 3:00 to 2:00 on
// October 31 at 01:00Z.
describe('a time that does not exist on the day that the clock is put forward', () => {
  const days = ['2027-03-27T00:00:00Z', '2027-03-29T23:00:00Z'] as const;

  test('is an hour later on that day, so no day is left out', () => {
    expect(between('30 2 * * *', ...days)).toEqual([
      '2027-03-27T01:30:00.000Z',
      '2027-03-28T01:30:00.000Z',
      '2027-03-29T00:30:00.000Z',
    ]);
  });

  test('is the same run as the one an hour later, where there is one', () => {
    expect(between('0 2,3 * * *', '2027-03-28T00:00:00Z', '2027-03-28T12:00:00Z')).toEqual([
      '2027-03-28T01:00:00.000Z',
    ]);
  });

  test('is found from any moment on', () => {
    const wanted = new Date('2027-03-28T01:30:00Z');
    for (let minute = 1; minute <= 300; minute++) {
      const before = new Date(wanted.getTime() - minute * 60_000);
      expect(firstAfter(berlin('30 2 * * *'), before)).toEqual(wanted);
    }
    expect(firstAfter(berlin('30 2 * * *'), wanted).toISOString()).toBe('2027-03-29T00:30:00.000Z');
  });
});

describe('a time that is twice on the day that the clock is put back', () => {
  test('runs the first time alone', () => {
    expect(between('30 2 * * *', '2027-10-30T00:00:00Z', '2027-11-01T12:00:00Z')).toEqual([
      '2027-10-30T00:30:00.000Z',
      '2027-10-31T00:30:00.000Z',
      '2027-11-01T01:30:00.000Z',
    ]);
  });

  test('is not run the second time, from whatever moment it is looked', () => {
    const first = new Date('2027-10-31T00:30:00Z');
    for (let minute = 0; minute <= 120; minute++) {
      const after = new Date(first.getTime() + minute * 60_000);
      expect(firstAfter(berlin('30 2 * * *'), after).toISOString()).toBe(
        '2027-11-01T01:30:00.000Z',
      );
    }
  });
});

describe('where the clock is changed at midnight or by half an hour', () => {
  /** Of a whole year, each looked for from the one before. */
  function stepped(cron: string, zone: string): string[] {
    const found: string[] = [];
    for (let at = new Date('2026-01-01T00:00:00Z'); ; ) {
      at = firstAfter({ cron, zone }, at);
      if (at.getUTCFullYear() > 2026) return found;
      found.push(at.toISOString());
    }
  }
  const inOnePass = (cron: string, zone: string) =>
    timesBetween(
      { cron, zone },
      new Date('2026-01-01T00:00:00.001Z'),
      new Date('2026-12-31T23:59:59.999Z'),
      100_000,
    ).map((at) => at.toISOString());

  test('a weekly, monthly or yearly run over midnight runs once', () => {
    expect(stepped('0 0 1 11 *', 'America/Havana')).toEqual(['2026-11-01T04:00:00.000Z']);
    expect(stepped('30 0 1 * *', 'America/Havana')).toHaveLength(12);
    expect(stepped('0 0 * * 0', 'America/Havana')).toHaveLength(52);
    expect(stepped('30 0 25 10 *', 'Atlantic/Azores')).toEqual(['2026-10-25T00:30:00.000Z']);
    expect(stepped('0 0 * * 0', 'Atlantic/Azores')).toHaveLength(52);
  });

  test('a run that falls into a gap of half an hour is half an hour later', () => {
    expect(stepped('15 2 4 10 *', 'Australia/Lord_Howe')).toEqual(['2026-10-03T15:45:00.000Z']);
    expect(stepped('45 1 5 4 *', 'Australia/Lord_Howe')).toEqual(['2026-04-04T14:45:00.000Z']);
    expect(stepped('15 2 * * 0', 'Australia/Lord_Howe')).toHaveLength(52);
  });

  test('runs are the same ones, from whatever moment they are looked for', () => {
    for (const zone of ['America/Havana', 'Atlantic/Azores', 'Australia/Lord_Howe', 'Asia/Beirut'])
      for (const cron of ['0 0 * * 0', '30 0,1,2 * * 0', '45 * 4-5 4 *', '15 1 25 10 *'])
        expect([zone, cron, stepped(cron, zone)]).toEqual([zone, cron, inOnePass(cron, zone)]);
  });
});

test('what runs every hour or half an hour runs evenly over both days', () => {
  for (const [cron, minutes] of [
    ['0 * * * *', 60],
    ['*/30 * * * *', 30],
  ] as const)
    for (const from of ['2027-03-27T20:00:00Z', '2027-10-30T20:00:00Z']) {
      const times = firstOf(timesFrom(berlin(cron), new Date(from)), 24);
      times.forEach((at, place) => {
        expect(at.getTime()).toBe(Date.parse(from) + place * minutes * 60_000);
      });
    }
});

test('refuses what is no cron of five fields, and says why', () => {
  for (const cron of ['0 9 * * 1', '*/5 8-18 * * MON-FRI', '@daily', '0 0 L * *', '0 0 29 2 *'])
    expect([cron, refusedCron(cron)]).toEqual([cron, undefined]);
  for (const cron of ['', 'often', '* * * * * *', '0  9 * * 1', ' 0 9 * * 1', '@every 5m'])
    expect(refusedCron(cron)).toContain('must have five fields');
  for (const cron of ['H * * * *', '0 9 ? * 1', '0 9 * * 1;']) {
    expect(refusedCron(cron)).toContain('is no field of a cron');
  }
  for (const cron of ['0 0 30 2 *', '0 0 31 4,6 *'])
    expect(refusedCron(cron)).toBe('never runs: none of its months has such a day');
});

test('refuses a field whose values do not exist, and says which do', () => {
  for (const [cron, message] of [
    ['61 * * * *', 'has "61", which is no minute: take numbers from 0 to 59'],
    ['0 24 * * *', 'has "24", which is no hour: take numbers from 0 to 23'],
    ['0 0 * * 9', 'has "9", which is no day of week: take numbers from 0 to 7'],
    ['5-1 * * * *', 'has "5-1", which is no minute'],
    ['*/0 * * * *', 'has "*/0", which is no minute'],
    ['0 0 0 * *', 'has "0", which is no day of month: take numbers from 1 to 31'],
    ['0 0 1 1,,2 *', 'has "1,,2", which is no month: take numbers from 1 to 12'],
  ] as const)
    expect(refusedCron(cron)).toContain(message);
});

test('a value that a list has twice counts once, and @midnight is every day', () => {
  const first = (cron: string) =>
    firstOf(timesFrom({ cron, zone: 'UTC' }, new Date('2027-01-01T00:00:00Z')), 20);
  for (const [cron, same] of [
    ['0 9 * * 0,7', '0 9 * * 0'],
    ['0 9 * * SUN,5-7', '0 9 * * 0,5,6'],
    ['1-5,3-7 * * * *', '1-7 * * * *'],
    ['0 0 L,31 * *', '0 0 31,L * *'],
    ['@midnight', '@daily'],
  ] as const) {
    expect([cron, refusedCron(cron)]).toEqual([cron, undefined]);
    expect([cron, first(cron)]).toEqual([cron, first(same)]);
  }
});

test('refuses what is no time zone, with the nearest', () => {
  for (const zone of ['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires'])
    expect(refusedZone(zone)).toBeUndefined();
  expect(refusedZone('Europe/Berln')).toContain('did you mean Europe/Berlin?');
  for (const zone of ['+01:00', '', 'x'.repeat(100)])
    expect(refusedZone(zone)).toContain('is no time zone');
});

test('a payload is told when its run was due', () => {
  const payload = {
    for: '$scheduled_at',
    deep: [{ at: '$scheduled_at' }],
    text: 'at $scheduled_at',
  };
  expect(payloadAt(payload, 'T')).toEqual({
    for: 'T',
    deep: [{ at: 'T' }],
    text: 'at $scheduled_at',
  });
});
