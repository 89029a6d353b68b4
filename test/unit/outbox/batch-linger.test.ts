import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchLinger } from '../../../src/outbox/batch-linger.ts';

/** A group of so many events, of these workspaces. */
const group = (size: number, workspace_ids: string[]) => [
  { id: 'd', type: 'message.created', size, workspace_ids, channel_ids: [], subscribers: [] },
];

describe('the pace of dispatches', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('lets the workspaces of a group rest the longer the larger it was, and nobody after a full one', () => {
    const pace = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    pace.count(group(10, ['a']), [], 1000);
    expect(pace.everybodyInMs()).toBeGreaterThan(190);
    expect(pace.everybodyInMs()).toBeLessThanOrEqual(200);
    pace.count(group(360, ['a']), [], 1000);
    expect(pace.everybodyInMs()).toBeGreaterThan(890);
    expect(pace.everybodyInMs()).toBeLessThanOrEqual(900);
    pace.count(group(1000, ['a']), [], 1000);
    expect(pace.everybodyInMs()).toBeLessThanOrEqual(0);
  });

  it('lets others go at once while one workspace floods', () => {
    const pace = new BatchLinger();
    pace.count(group(900, ['flooding']), [], 1000);
    expect(pace.areResting(['flooding'])).toBe(true);
    expect(pace.areResting(['flooding', 'quiet'])).toBe(false);
    expect(pace.anybodyInMs()).toBeLessThanOrEqual(0);
  });

  it('lets only those rest who flood a group, and the others by their own number', () => {
    const pace = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    pace.count(
      [
        ...group(10, ['quiet', 'calm']),
        ...group(890, ['flooding']).map((g) => ({ ...g, flooding: true })),
      ],
      [],
      1000,
    );
    expect(pace.resting).toEqual(['flooding']);
    expect(pace.anybodyInMs()).toBeGreaterThan(190);
    expect(pace.anybodyInMs()).toBeLessThanOrEqual(200);
    expect(pace.everybodyInMs()).toBeGreaterThan(900);
  });

  it('lets others rest too where the stream is of a crowd', () => {
    const pace = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    const crowd = Array.from({ length: 41 }, (_, i) => `w${i}`);
    pace.count(group(900, crowd), [], 1000);
    expect(pace.anybodyInMs()).toBeGreaterThan(490);
    expect(pace.anybodyInMs()).toBeLessThanOrEqual(500);
  });

  describe('while a start takes long', () => {
    it('waits in proportion before the next one, for whomever that is, and half of the longest rest at most', () => {
      const pace = new BatchLinger({ longestMs: 1000 });
      pace.count(group(1, ['a']), [], 1000);
      pace.took(60);
      expect(pace.anybodyInMs()).toBe(150);
      expect(pace.areResting(['a'])).toBe(true);
      vi.advanceTimersByTime(150);
      expect(pace.anybodyInMs()).toBeLessThanOrEqual(0);
      expect(pace.resting).toEqual([]);
      pace.took(5000);
      expect(pace.anybodyInMs()).toBe(500);
    });

    it('goes on at once after a full group', () => {
      const pace = new BatchLinger();
      pace.count(group(1000, ['a']), [], 1000);
      pace.took(5000);
      expect(pace.anybodyInMs()).toBeLessThanOrEqual(0);
    });
  });

  describe('once a stream has ended', () => {
    /**
     * A hundred events in a second, dispatched as one group, and as many stores again while it
     * rests.
     */
    function aStream(stores: number): BatchLinger {
      const pace = new BatchLinger();
      vi.advanceTimersByTime(1000);
      pace.count(group(100, ['a']), [], 1000);
      for (let i = 0; i < stores; i += 1) {
        vi.advanceTimersByTime(10);
        pace.hear();
      }
      return pace;
    }

    it('lets its last go after a silence of eight times what lay between two of them', () => {
      const pace = aStream(20);
      expect(pace.everybodyInMs()).toBeCloseTo(80);
      vi.advanceTimersByTime(79);
      expect(pace.areResting(['a'])).toBe(true);
      vi.advanceTimersByTime(2);
      expect(pace.areResting(['a'])).toBe(false);
      expect(pace.anybodyInMs()).toBeLessThanOrEqual(0);
    });

    it('goes on resting while it is told of nothing: somebody else may be told', () => {
      const pace = aStream(0);
      expect(pace.everybodyInMs()).toBeCloseTo(909, 0);
    });

    it('never rests longer for it', () => {
      const pace = aStream(90);
      expect(pace.everybodyInMs()).toBeCloseTo(9, 0);
    });
  });
});
