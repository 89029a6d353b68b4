import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkProcess } from '../child.ts';
import type { Product } from '../product.ts';

/** Temporal without us: a workflow with six activities that do nothing, each on a queue of its own, from start to the sixth. */
export interface Bare {
  /** Milliseconds. */
  measure(): Promise<number>;
  stop(): Promise<void>;
}

export async function startBare(product: Product): Promise<Bare> {
  const path = fileURLToPath(new URL('./bare-process.ts', import.meta.url));
  const { child, stop } = await forkProcess(path, { env: { TEMPORAL_ADDRESS: product.temporal_address } });
  let runs = 0;
  return {
    async measure() {
      runs += 1;
      const answer = once(child, 'message') as Promise<[{ ms: number }]>;
      child.send(`bare-${runs}`);
      return (await answer)[0].ms;
    },
    stop,
  };
}
