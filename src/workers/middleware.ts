import type { EffectAnswer, EffectCall } from '../transport/dispatch.ts';

/** A call of an effect, with what its transport gives beside. */
export type CallEffect<Beside extends unknown[] = []> = (
  call: EffectCall,
  ...beside: Beside
) => Promise<EffectAnswer>;

export type Middleware<Beside extends unknown[] = []> = (
  next: CallEffect<Beside>,
) => CallEffect<Beside>;

/** Puts middleware around a call; read the list top to bottom: the first is the outermost. */
export const compose = <Beside extends unknown[]>(
  middleware: Middleware<Beside>[],
  call: CallEffect<Beside>,
): CallEffect<Beside> => middleware.reduceRight((next, wrap) => wrap(next), call);
