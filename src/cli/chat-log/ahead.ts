/** The first items of a stream, and what comes after them. */
interface Ahead<T> {
  first: T[];
  rest: AsyncIterator<T>;
}

/**
 * Reads items until there are enough. What fails after some of them fails once these are read.
 *
 * @param isEnough whether no more are needed after this item
 */
export async function readAhead<T>(
  items: AsyncIterable<T>,
  isEnough: (item: T) => boolean,
): Promise<Ahead<T>> {
  const rest = items[Symbol.asyncIterator]();
  const first: T[] = [];
  try {
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      first.push(next.value);
      if (isEnough(next.value)) break;
    }
  } catch (error) {
    return { first, rest: { next: () => Promise.reject(error) } };
  }
  return { first, rest };
}

/** Puts back what was read ahead. */
export async function* startingWith<T>(first: T[], rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    yield* first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
