import type { ComponentChildren } from 'preact';
import { type CallError, reasonOf } from '../calls.ts';

/** What is shown where there is nothing, and why that is so. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

const titles: Record<number, string> = {
  0: 'The API does not answer',
  403: 'Your key may not see this',
  404: 'There is nothing at this address',
  429: 'Too many requests at once',
  503: 'The database is away',
};

/** What is shown where a call failed; it is tried again by itself, or at once by hand. */
export function Failure({ error, retry }: { error: CallError; retry?: () => unknown }) {
  return (
    <div class="failure" role="alert">
      <p class="empty-title">{titles[error.status] ?? 'That did not work'}</p>
      <p>{reasonOf(error)}</p>
      {retry && (
        <button type="button" onClick={() => void retry()}>
          Try again
        </button>
      )}
    </div>
  );
}

interface Loaded<T> {
  of: { data: T | undefined; error: CallError | undefined; reload: () => unknown };
  children: (data: T) => ComponentChildren;
}

/**
 * What was loaded; that it is being loaded; or why it can't be. What is there stays while a later
 * call fails, and says that it is old.
 */
export function Loaded<T>({ of: { data, error, reload }, children }: Loaded<T>) {
  if (data === undefined)
    return error ? <Failure error={error} retry={reload} /> : <p class="loading">Loading …</p>;
  return (
    <>
      {error && (
        <p class="stale" role="status">
          This may be old: {error.message}
        </p>
      )}
      {children(data)}
    </>
  );
}
