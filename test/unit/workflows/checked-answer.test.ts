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

const id = '01990000-0000-7000-8000-00000000000a';
const other = '01990000-0000-7000-8000-00000000000b';
const LONGEST = 30 * 24 * 3_600_000;
const asked = { events: { ids: [id] }, now: Date.parse('2026-11-30T08:00:00Z') };
const retry = { event_id: id, state: 'retry', reason: 'busy' };
const dead = { event_id: id, state: 'dead', reason: 'gone' };
const later = { event_id: id, state: 'later' };

describe("an answer of somebody's own worker", () => {
  it.each([
    { done: 3, open: [] },
    { done: 0, open: [], put_off_ms: LONGEST },
    { done: 0, open: [], put_off: '2026-12-30T08:00:00Z' },
    open({ ...retry, after_ms: LONGEST }),
    open({ ...retry, target: '🎈'.repeat(200), share: 'é'.repeat(200) }),
    open({ ...retry, target: 'a' }, { ...dead, target: 'b' }),
    open({ ...later, until: '2001-01-01T00:00Z' }),
    open({ ...later, until: '2026-12-30T08:00:00.123456+01:00' }),
    open({ ...later, until: 'at once', in_ms: 0 }),
  ])('is taken as it is: %j', (answer) => {
    expect(checkedAnswer(answer, asked)).toEqual(answer);
  });

  it('may have ids in capital letters', () => {
    const answer = open({ ...retry, event_id: id.toUpperCase() });
    expect(checkedAnswer(answer, asked)).toEqual(open(retry));
  });

  it('may write as null what it does not say', () => {
    const unset = { target: null, share: null, cause: null, after_ms: null, in_ms: null };
    const answer = {
      ...open({ ...unset, ...retry }, { ...unset, event_id: other, state: 'later', until }),
      put_off: null,
      put_off_ms: null,
      takes_targets: null,
    };
    const both = { ...asked, events: { ids: [id, other] } };
    const taken = open(retry, { event_id: other, state: 'later', until });
    expect(checkedAnswer(answer, both)).toEqual(taken);
    expect(checkedAnswer({ done: 3, open: null }, asked)).toEqual({ done: 3, open: [] });
  });

  it('may name any event where its call has places alone', () => {
    const places = { ...asked, events: { offset: 0, limit: 1 } };
    expect(checkedAnswer(open({ ...dead, event_id: other }), places).open).toHaveLength(1);
  });

  it.each([
    ['not an integer of 0 or more', { done: -1, open: [] }],
    ['not an integer of 0 or more', { open: [] }],
    ['`put_off`', { done: 0, open: [], put_off_ms: LONGEST + 1 }],
    ['`put_off`', { done: 0, open: [], put_off_ms: -1 }],
    ['`put_off`', { done: 0, open: [], put_off: '2026-12-30T08:00:01Z' }],
    ['`put_off`', { done: 0, open: [], put_off: '2027' }],
    ['no UUID', open({ ...dead, event_id: 'zzz' })],
    ["none of the call's", open({ ...dead, event_id: other })],
    ['two outcomes', open(retry, dead)],
    ['two outcomes', open(retry, { ...retry, event_id: id.toUpperCase() })],
    ['`target`', open({ ...retry, target: 'x'.repeat(201) })],
    ['`target`', open({ ...retry, target: '' })],
    ['`target`', open({ ...retry, target: 'a\0b' })],
    ['`share`', open({ ...retry, share: '\ud800' })],
    ['`cause`', open({ ...dead, cause: 'x'.repeat(300_000) })],
    ['`reason`', open({ ...retry, reason: 'x'.repeat(201) })],
    ['`reason`', open({ ...later, in_ms: 5, reason: 5 })],
    ['a wait', open({ ...retry, after_ms: -1 })],
    ['a wait', open({ ...retry, after_ms: 1e18 })],
    ['a wait', open({ ...later, in_ms: LONGEST + 1 })],
    ['a wait', open({ ...later, until: '2027-01-01T08:00:00' })],
    ['not an answer', { done: 3 }],
    ['not an answer', open({ ...later, until: null })],
    ['not an answer', open(null as never)],
    ['not an answer', open({ ...later, until: '+290000-01-01T00:00:00Z' })],
    ['more than 4000', open(...Array.from({ length: 4001 }, () => retry))],
  ])('fails its call, which says why: %s %#', (why, answer) => {
    expect(() => checkedAnswer(answer, asked)).toThrow(
      expect.objectContaining({ type: 'MalformedAnswer', message: expect.stringContaining(why) }),
    );
  });
});
