import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/outbox/pace.ts';

/** A group of so many events, of these workspaces. */
const group = (size: number, workspace_ids: string[]) => [
  { id: 'd', type: 'message.created', size, workspace_ids, channel_ids: [], subscribers: [] },
];

describe('the pace of dispatches', () => {
  it('lets the workspaces of a group rest the longer the larger it was, and nobody after a full one', () => {
    const pace = new Pace({ longestMs: 1000, halfAt: 40 });
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
    const pace = new Pace();
    pace.count(group(900, ['flooding']), [], 1000);
    expect(pace.areResting(['flooding'])).toBe(true);
    expect(pace.areResting(['flooding', 'quiet'])).toBe(false);
    expect(pace.anybodyInMs()).toBeLessThanOrEqual(0);
  });

  it('lets others rest too where the stream is of a crowd', () => {
    const pace = new Pace({ longestMs: 1000, halfAt: 40 });
    const crowd = Array.from({ length: 41 }, (_, i) => `w${i}`);
    pace.count(group(900, crowd), [], 1000);
    expect(pace.anybodyInMs()).toBeGreaterThan(490);
    expect(pace.anybodyInMs()).toBeLessThanOrEqual(500);
  });
});
