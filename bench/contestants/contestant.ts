import type { Product } from '../product.ts';

/** Channels that messages are spread over. */
export const shapes = [1, 1000] as const;
export type Shape = (typeof shapes)[number];

/** Who is measured. One file each in this folder, and a line in index.ts. */
export interface Contestant {
  name: string;
  title: string;
  /** Starts its processes, beside the others'. */
  enter(product: Product): Promise<Entrant>;
}

/** A contestant that is ready. */
export interface Entrant {
  url: string;
  /** The process that answers. */
  pid: number;
  /** Requests of this shape, ready to be sent in turn. */
  requests(shape: Shape): Promise<Buffer[]>;
  /** Side effects of a message; 0: it has none, or nobody works on them. */
  effects: number;
  /** Begins to count: what it gives resolves once every effect of `messages` messages posted since has happened. */
  watch(): Promise<{ settled(messages: number): Promise<void> }>;
  stop(): Promise<void>;
}
