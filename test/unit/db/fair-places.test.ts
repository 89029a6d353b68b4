import { expect, it } from 'vitest';
import { FairPlaces, NoPlaceError } from '../../../src/db/fair-places.ts';

const LONG = { waitMs: 60_000 };
const places = () => new FairPlaces({ places: 4, each: 2, waiting: 3 });

/** Takes a place and says so when it has it. */
function taker(from: FairPlaces, log: string[]) {
  return (owner: string, limits: { waitMs: number; signal?: AbortSignal } = LONG) =>
    from.take(owner, limits).then((giveBack) => {
      log.push(owner);
      return giveBack;
    });
}

it('gives one owner at most two of four places, so that another gets one at once', async () => {
  const log: string[] = [];
  const take = taker(places(), log);
  const [first] = [await take('a'), await take('a')];
  void take('a');
  await take('b');
  expect(log).toEqual(['a', 'a', 'b']);
  first();
  await expect.poll(() => log).toEqual(['a', 'a', 'b', 'a']);
});

it('keeps the last free place for an owner who has none', async () => {
  const log: string[] = [];
  const take = taker(places(), log);
  await take('a');
  await take('a');
  await take('b');
  void take('b');
  await take('c');
  expect(log).toEqual(['a', 'a', 'b', 'c']);
});

it('gives what becomes free to who has the fewest, and among these in turns', async () => {
  const log: string[] = [];
  const take = taker(places(), log);
  const [ofA, , ofB, ofC] = [await take('a'), await take('a'), await take('b'), await take('c')];
  const waiting = [take('d'), take('d'), take('a'), take('e')];
  ofB();
  ofC();
  await expect.poll(() => log.slice(4)).toEqual(['d', 'e']);
  // One place is free again: e has gone, d has one, and a has one left.
  ofA();
  (await waiting[3]!)();
  await expect.poll(() => log.slice(6)).toEqual(['a']);
  (await waiting[0]!)();
  await expect.poll(() => log.slice(7)).toEqual(['d']);
});

it('refuses at once beyond those that may wait, and the others when their time is over', async () => {
  const some = places();
  const held = [await some.take('a', LONG), await some.take('a', LONG)];
  const waiting = [1, 2, 3].map(() => some.take('a', { waitMs: 50 }));
  const settled = Promise.allSettled(waiting);
  await expect(some.take('a', LONG)).rejects.toThrow(NoPlaceError);
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  // Nothing is left behind: places go round again.
  for (const giveBack of held) giveBack();
  for (let i = 0; i < 2; i++) await some.take('a', { waitMs: 1 });
});

it('says whether it was the own share that was taken', async () => {
  const full = new FairPlaces({ places: 1, each: 1, waiting: 1 });
  const giveBack = await full.take('a', LONG);
  await expect(full.take('a', { waitMs: 1 })).rejects.toMatchObject({ ownShare: true });
  await expect(full.take('b', { waitMs: 1 })).rejects.toMatchObject({ ownShare: false });
  giveBack();
  giveBack();
  await full.take('b', { waitMs: 1 });
  await expect(full.take('a', { waitMs: 1 })).rejects.toThrow(NoPlaceError);
});

it('lets who leaves go without a place, and takes none for them', async () => {
  const full = new FairPlaces({ places: 1, each: 1, waiting: 5 });
  const giveBack = await full.take('a', LONG);
  const leaving = new AbortController();
  const left = full.take('b', { ...LONG, signal: leaving.signal });
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  await expect(full.take('b', { ...LONG, signal: leaving.signal })).rejects.toThrow('left');
  giveBack();
  await full.take('c', { waitMs: 1 });
});
