/** How long somebody who looks waits for the database, in ms. */
const PATIENCE = 1500;

/** Thrown where the database has not answered soon. */
export class NotSoonError extends Error {
  override name = 'NotSoonError';
  readonly code = 'ETIMEDOUT';
}

/**
 * The same work, for those who would rather hear that the database is slow than wait: 1.5 s at
 * most.
 */
export async function soon<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new NotSoonError(`the database did not answer within ${PATIENCE / 1000} s`)),
      PATIENCE,
    );
  });
  work.catch(() => {});
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
