import { expect, it } from 'vitest';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { coalescingCompletions } from '../../../src/workers/coalesce-completions.ts';

const call = (dispatch_id: string): EffectCall => ({
  dispatch_id,
  subscriber: 'x',
  events: { offset: 0, limit: 1 },
  alone: true,
});

/** A call that is under way until it is told to end. */
function effect() {
  let end!: (error?: Error) => void;
  const ended = new Promise<string>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve('done'));
  });
  return { make: () => ended, end };
}

/** Whether it has settled by the time everything that needs no timer has run. */
async function hasLeft(answer: Promise<unknown>): Promise<boolean> {
  const later = new Promise((resolve) => setImmediate(() => resolve('waits')));
  return (await Promise.race([answer.catch(() => {}), later])) !== 'waits';
}

it('keeps the answer to a call until the last call of its dispatch is done', async () => {
  const together = coalescingCompletions(60_000);
  const [search, audit] = [effect(), effect()];
  const answers = [together(search.make)(call('a')), together(audit.make)(call('a'))];

  search.end();
  expect(await hasLeft(answers[0]!)).toBe(false);

  audit.end();
  expect(await Promise.all(answers)).toEqual(['done', 'done']);
});

it('lets a failure leave with the others, as the failure it is', async () => {
  const together = coalescingCompletions(60_000);
  const [search, audit] = [effect(), effect()];
  const answers = [together(search.make)(call('a')), together(audit.make)(call('a'))];

  search.end(new Error('no index'));
  expect(await hasLeft(answers[0]!)).toBe(false);

  audit.end();
  await expect(answers[0]).rejects.toThrow('no index');
  expect(await answers[1]).toBe('done');
});

it('waits for no other dispatch', async () => {
  const together = coalescingCompletions(60_000);
  const [mine, other] = [effect(), effect()];
  const answer = together(mine.make)(call('a'));
  const others = together(other.make)(call('b'));

  mine.end();
  expect(await hasLeft(answer)).toBe(true);
  other.end();
  await others;
});

it('does not wait for long for an effect that is slow', async () => {
  const together = coalescingCompletions(5);
  const [search, webhooks] = [effect(), effect()];
  const answers = [together(search.make)(call('a')), together(webhooks.make)(call('a'))];

  search.end();
  expect(await answers[0]).toBe('done');
  expect(await hasLeft(answers[1]!)).toBe(false);

  webhooks.end();
  expect(await answers[1]).toBe('done');
});

it('keeps nothing for a dispatch that comes again later', async () => {
  const together = coalescingCompletions(60_000);
  for (const _ of [1, 2]) {
    const only = effect();
    const answer = together(only.make)(call('a'));
    only.end();
    expect(await answer).toBe('done');
  }
});
