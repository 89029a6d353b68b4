import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type CallError, call } from './calls.ts';

/** What a call answers, asked again and again. An answer stays while a later one fails. */
export interface Resource<T> {
  data: T | undefined;
  error: CallError | undefined;
  reload: () => Promise<void>;
}

/** @param path null: nothing is asked @param everyMs how often; 0: once */
export function useResource<T>(path: string | null, everyMs = 0): Resource<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: CallError }>({
    path,
  });
  const asked = useRef(path);
  asked.current = path;
  const reload = useCallback(async () => {
    if (path === null) return;
    const outcome = await call<T>(path).then(
      (data) => ({ data }),
      (error: CallError) => ({ error }),
    );
    // What was asked for meanwhile is something else.
    if (asked.current !== path) return;
    setState((last) => ({
      path,
      data: last.path === path ? last.data : undefined,
      ...('data' in outcome && { error: undefined }),
      ...outcome,
    }));
  }, [path]);
  useEffect(() => {
    void reload();
    if (everyMs === 0) return;
    const timer = setInterval(() => void (document.hidden || reload()), everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  const isCurrent = state.path === path;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    reload,
  };
}

export interface ListPage<T> {
  data: T[];
  next_cursor: string | null;
}

interface Later<T> {
  path: string | null;
  pages: ListPage<T>[];
  error?: CallError;
}

/**
 * A list, page by page. While there is one page it is asked again and again; then it stays as it
 * is, so that nothing moves under a reader.
 */
export interface Pages<T, P = ListPage<T>> extends Resource<T[]> {
  /** The first page as it was answered, with what else it says. */
  first: P | undefined;
  /** Fetches the next page; undefined on the last. */
  more: (() => Promise<void>) | undefined;
}

/** @param path null: nothing is asked */
export function usePages<T, P extends ListPage<T> = ListPage<T>>(
  path: string | null,
  everyMs = 0,
): Pages<T, P> {
  const [later, setLater] = useState<Later<T>>({
    path,
    pages: [],
  });
  const pages = later.path === path ? later.pages : [];
  const first = useResource<P>(path, pages.length > 0 ? 0 : everyMs);
  const last = pages.at(-1) ?? first.data;
  const cursor = last?.next_cursor;
  const more = useCallback(async () => {
    if (path === null) return;
    const sign = path.includes('?') ? '&' : '?';
    const next = `${path}${sign}cursor=${encodeURIComponent(cursor ?? '')}`;
    const fetched = await call<ListPage<T>>(next).then(
      (page) => ({ page }),
      (error: CallError) => ({ error }),
    );
    setLater({
      path,
      pages: 'page' in fetched ? [...pages, fetched.page] : pages,
      ...('error' in fetched && fetched),
    });
  }, [path, cursor, pages]);
  const data = first.data && [first.data, ...pages].flatMap((page) => page.data);
  const reload = useCallback(async () => {
    setLater({ path, pages: [] });
    await first.reload();
  }, [path, first.reload]);
  return {
    data,
    first: first.data,
    error: first.error ?? (later.path === path ? later.error : undefined),
    reload,
    more: cursor ? more : undefined,
  };
}
