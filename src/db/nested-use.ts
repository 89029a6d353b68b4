import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Thrown in tests where a connection is asked for by code that holds one: with all connections in
 * use, each would wait for the others.
 */
export class NestedUseError extends Error {
  override name = 'NestedUseError';
}

let held: AsyncLocalStorage<true> | undefined;

/**
 * From now on, in this process, using a pool inside a transaction is refused. For tests: following
 * who runs what makes every promise dearer in Node 20.
 */
export function refuseNestedUse(): void {
  held ??= new AsyncLocalStorage();
}

/** Runs what a transaction does. */
export const insideTransaction = <T>(work: () => T): T => (held ? held.run(true, work) : work());

/**
 * What is wrong with doing this here: it is inside a transaction, and that is looked after. Else
 * undefined.
 */
export const nestedUse = (what: string): NestedUseError | undefined =>
  held?.getStore()
    ? new NestedUseError(`${what} inside a transaction: its connection would be held meanwhile`)
    : undefined;
