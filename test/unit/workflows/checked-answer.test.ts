import { describe, expect, it } from 'vitest';
import { checkedAnswer } from '../../../src/workflows/checked-answer.ts';

const until = '2026-12-01T08:00:00Z';
const open = (...some: object[]) => ({ done: 0, open: some });

describe('an answer of a worker', () => {
  it.each([
    { done: 3, open: [] },
    { done: 0, open: [], put_off_ms: 5 },
    { done: 0, open: [], put_off: until },
    open({ event_id: 'e', state: 'retry', reason: 'busy', after_ms: 5, target: 'a' }),
    open({ event_id: 'e', state: 'later', until }, { event_id: 'f', state: 'later', in_ms: 5 }),
    open({ event_id: 'e', state: 'dead', reason: 'gone', cause: 'HTTP 410' }),
  ])('is taken as it is: %j', (answer) => {
    expect(checkedAnswer(answer)).toBe(answer);
  });

  it.each([
    null,
    undefined,
    'done',
    [],
    {},
    { done: 1, open: 'none' },
    { done: 0, open: [], put_off: 'soon' },
    { done: 0, open: [], put_off_ms: null },
    open({}),
    open({ event_id: 5, state: 'retry', reason: 'busy' }),
    open({ event_id: 'e', state: 'maybe', reason: 'busy' }),
    open({ event_id: 'e', state: 'retry' }),
    open({ event_id: 'e', state: 'retry', reason: 'busy', target: null }),
    open({ event_id: 'e', state: 'retry', reason: 'busy', after_ms: '5' }),
    open({ event_id: 'e', state: 'later', until: 'soon' }),
    open({ event_id: 'e', state: 'dead' }),
  ])('that is none fails its call: %j', (answer) => {
    expect(() => checkedAnswer(answer)).toThrow(
      expect.objectContaining({ type: 'MalformedAnswer' }),
    );
  });
});
