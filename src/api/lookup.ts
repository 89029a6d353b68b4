import { LRUCache } from 'lru-cache';
import { databaseAway, Problem } from './problem.ts';

/** Statements of one lookup that run at once, so that guesses never take up the pool. */
const STATEMENTS = 2;
/** Names one statement asks about. */
const BATCH = 500;
/** Names that may wait, and for how long until they are asked about, in ms. */
const [WAITING, LONGEST] = [10_000, 3000];
/**
 * How long what was not found is known not to be there, in ms: long enough for a client that
 * repeats a wrong key.
 */
const UNKNOWN_MS = 5_000;

interface Asked<T> {
  answer: Promise<T | undefined>;
  settle(found: T | undefined): void;
  fail(error: unknown): void;
  /** Until it is asked about. */
  timer?: NodeJS.Timeout;
}

/**
 * Looks names up, such as keys by their hashes, so that it costs little however many strangers ask:
 * everything that is asked while a statement runs goes into the next one, and what is not there is
 * remembered for 5 s.
 *
 * @param find answers with those of the names that there are
 * @returns a function that rejects as `find` does, and with Problem 503 where 10,000 names wait
 * already, or one has for 3 s: then Postgres does not answer
 */
export function createLookup<T>(
  find: (names: string[]) => Promise<Map<string, T>>,
): (name: string) => Promise<T | undefined> {
  const unknown = new LRUCache<string, true>({ max: 10_000, ttl: UNKNOWN_MS });
  const waiting = new Map<string, Asked<T>>();
  let running = 0;

  async function ask(batch: [string, Asked<T>][]): Promise<void> {
    running += 1;
    try {
      const found = await find(batch.map(([name]) => name));
      for (const [name, { settle }] of batch) {
        if (!found.has(name)) unknown.set(name, true);
        settle(found.get(name));
      }
    } catch (error) {
      for (const [, { fail }] of batch) fail(error);
    }
    running -= 1;
    askNext();
  }

  function askNext(): void {
    if (running >= STATEMENTS || waiting.size === 0) return;
    const batch = [...waiting].slice(0, BATCH);
    for (const [name, { timer }] of batch) {
      clearTimeout(timer);
      waiting.delete(name);
    }
    void ask(batch);
  }

  function wait(name: string, asked: Asked<T>): void {
    if (waiting.size >= WAITING) throw tooMany();
    waiting.set(name, asked);
    asked.timer = setTimeout(() => waiting.delete(name) && asked.fail(databaseAway()), LONGEST);
    // What arrives in the same turn of the event loop is asked together.
    setImmediate(askNext);
  }

  return async (name) => {
    if (unknown.has(name)) return undefined;
    const asked = waiting.get(name) ?? aQuestion<T>();
    if (!waiting.has(name)) wait(name, asked);
    return await asked.answer;
  };
}

const tooMany = () =>
  new Problem(503, 'Too many keys are looked up; try again in a moment.', {
    type: 'busy',
    headers: { 'retry-after': '1' },
  });

function aQuestion<T>(): Asked<T> {
  let [settle, fail] = [(_: T | undefined) => {}, (_: unknown) => {}];
  const answer = new Promise<T | undefined>((resolve, reject) => {
    [settle, fail] = [resolve, reject];
  });
  return { answer, settle, fail };
}
