import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { charge } from './effort.ts';

const load = createRequire(import.meta.url);

/** Instructions that the program of a pattern may have. */
const LARGEST = 1000;

/** Thrown where a pattern can't be used. Its message is read after the pattern's path. */
export class PatternError extends Error {
  override name = 'PatternError';
}

interface Pattern {
  test(text: string): boolean;
  /** The validator keeps patterns by this. */
  toString(): string;
}

/**
 * A regular expression whose time grows with the text alone: RE2's. That of JavaScript may take
 * longer than anybody waits for a text of 40 characters.
 *
 * @throws PatternError
 */
export function compilePattern(source: string): Pattern {
  // Loaded once it is needed: most processes have no pattern.
  const { RE2JS: engine } = load('re2js') as { RE2JS: typeof RE2JS };
  const pattern = compiled(engine, source);
  const size = pattern.programSize();
  if (size > LARGEST) throw new PatternError('is too large: its repetitions make it too slow');
  return {
    toString: () => source,
    test(text) {
      charge(Math.ceil(text.length * (1 + size / 40)));
      return pattern.test(text);
    },
  };
}

function compiled(engine: typeof RE2JS, source: string): RE2JS {
  try {
    return engine.compile(engine.translateRegExp(source));
  } catch (error) {
    const [, why = 'it is none'] =
      /^error parsing regexp: (.*)$/s.exec(String((error as Error).message)) ?? [];
    throw new PatternError(
      `is no regular expression of RE2 (${why}): write it without lookarounds and back references`,
    );
  }
}
