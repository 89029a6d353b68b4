import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchLinger } from '../../../src/outbox/batch-linger.ts';

/** A batch of so many events, of these workspaces. */
const batch = (size: number, workspace_ids: string[]) => [
  { id: 'd', type: 'message.created', size, workspace_ids, channel_ids: [], subscribers: [] },
];

describe('lingering', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('makes the workspaces of a batch linger the longer the larger it was, and nobody after a full one', () => {
    const linger = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    linger.count(batch(10, ['a']), [], 1000);
    expect(linger.everybodyInMs()).toBeGreaterThan(190);
    expect(linger.everybodyInMs()).toBeLessThanOrEqual(200);
    linger.count(batch(360, ['a']), [], 1000);
    expect(linger.everybodyInMs()).toBeGreaterThan(890);
    expect(linger.everybodyInMs()).toBeLessThanOrEqual(900);
    linger.count(batch(1000, ['a']), [], 1000);
    expect(linger.everybodyInMs()).toBeLessThanOrEqual(0);
  });

  it('lets others go at once while one workspace floods', () => {
    const linger = new BatchLinger();
    linger.count(batch(900, ['flooding']), [], 1000);
    expect(linger.areLingering(['flooding'])).toBe(true);
    expect(linger.areLingering(['flooding', 'quiet'])).toBe(false);
    expect(linger.anybodyInMs()).toBeLessThanOrEqual(0);
  });

  it('makes those that flood a batch linger by its size, and the others by their own events', () => {
    const linger = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    linger.count(
      [
        ...batch(10, ['quiet', 'calm']),
        ...batch(890, ['flooding']).map((g) => ({ ...g, flooding: true })),
      ],
      [],
      1000,
    );
    expect(linger.lingering).toEqual(['flooding']);
    expect(linger.anybodyInMs()).toBeGreaterThan(190);
    expect(linger.anybodyInMs()).toBeLessThanOrEqual(200);
    expect(linger.everybodyInMs()).toBeGreaterThan(900);
  });

  it('makes other workspaces linger too when many workspaces send', () => {
    const linger = new BatchLinger({ longestMs: 1000, halfAt: 40 });
    const crowd = Array.from({ length: 41 }, (_, i) => `w${i}`);
    linger.count(batch(900, crowd), [], 1000);
    expect(linger.anybodyInMs()).toBeGreaterThan(490);
    expect(linger.anybodyInMs()).toBeLessThanOrEqual(500);
  });

  describe('while a start takes long', () => {
    it('waits in proportion before the next one, for whomever that is, and half of the longest linger at most', () => {
      const linger = new BatchLinger({ longestMs: 1000 });
      linger.count(batch(1, ['a']), [], 1000);
      linger.took(60);
      expect(linger.anybodyInMs()).toBe(150);
      expect(linger.areLingering(['a'])).toBe(true);
      vi.advanceTimersByTime(150);
      expect(linger.anybodyInMs()).toBeLessThanOrEqual(0);
      expect(linger.lingering).toEqual([]);
      linger.took(5000);
      expect(linger.anybodyInMs()).toBe(500);
    });

    it('goes on at once after a full batch', () => {
      const linger = new BatchLinger();
      linger.count(batch(1000, ['a']), [], 1000);
      linger.took(5000);
      expect(linger.anybodyInMs()).toBeLessThanOrEqual(0);
    });
  });

  describe('once a stream has ended', () => {
    /**
     * A hundred events in a second, dispatched as one batch, and so many stores while it
     * lingers.
     */
    function aStream(stores: number): BatchLinger {
      const linger = new BatchLinger();
      vi.advanceTimersByTime(1000);
      linger.count(batch(100, ['a']), [], 1000);
      for (let i = 0; i < stores; i += 1) {
        vi.advanceTimersByTime(10);
        linger.hear();
      }
      return linger;
    }

    it('lets its last go after a silence of eight times what lay between two of them', () => {
      const linger = aStream(20);
      expect(linger.everybodyInMs()).toBeCloseTo(80);
      vi.advanceTimersByTime(79);
      expect(linger.areLingering(['a'])).toBe(true);
      vi.advanceTimersByTime(2);
      expect(linger.areLingering(['a'])).toBe(false);
      expect(linger.anybodyInMs()).toBeLessThanOrEqual(0);
    });

    it('goes on lingering while it is told of nothing: somebody else may be told', () => {
      const linger = aStream(0);
      expect(linger.everybodyInMs()).toBeCloseTo(909, 0);
    });

    it('never lingers longer for it', () => {
      const linger = aStream(90);
      expect(linger.everybodyInMs()).toBeCloseTo(9, 0);
    });
  });
});
