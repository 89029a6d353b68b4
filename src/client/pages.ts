import type { Call } from './send.ts';

interface Page {
  data: unknown[];
  next_cursor: string | null;
}

/**
 * One page to those who await it, every entry to those who iterate. Nothing is asked before that;
 * a page is asked for once the one before it is used up.
 */
export function readPages(ask: (call: Call) => Promise<unknown>, call: Call) {
  let asked: Promise<unknown> | undefined;
  const once = () => {
    asked ??= ask(call);
    return asked;
  };
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is awaited like any promise
    then: ((...handlers) => once().then(...handlers)) as Promise<unknown>['then'],
    catch: ((...handlers) => once().catch(...handlers)) as Promise<unknown>['catch'],
    finally: ((...handlers) => once().finally(...handlers)) as Promise<unknown>['finally'],
    [Symbol.toStringTag]: 'List',
    [Symbol.asyncIterator]: () => entries(ask, call),
  };
}

async function* entries(ask: (call: Call) => Promise<unknown>, call: Call) {
  let cursor: string | null | undefined;
  do {
    const query = cursor ? { ...call.query, cursor } : call.query;
    const page = (await ask({ ...call, query })) as Page;
    yield* page.data;
    cursor = page.next_cursor;
  } while (cursor);
}
