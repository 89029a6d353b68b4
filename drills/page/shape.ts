/**
 * What may differ from time to time, the more special first. A nought that stands alone is meant.
 */
const varying: [RegExp, string][] = [
  [
    /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/,
    '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  ],
  [/^\d{4}-\d\d-\d\dT[\d:.]+Z/, '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'],
  [/^\d+@\w+/, '\\d+@[\\w.-]+'],
  [/^\d+(?:\.\d+)+/, '\\d+(?:\\.\\d+)*'],
  [/^0(?![\d.])/, '(?<![\\d.])0(?![\\d.])'],
  [/^\d+/, '\\d+(?:\\.\\d+)?'],
  [/^…/, '.*'],
  [/^\s+/, '\\s+'],
];

/** A line of the page as a pattern: figures, ids and moments may be others, `…` may be anything. */
export function patternOf(line: string): RegExp {
  let pattern = '';
  for (let rest = line.trim(); rest !== ''; ) {
    const found = varying.flatMap(([start, any]) => {
      const length = start.exec(rest)?.[0].length;
      return length === undefined ? [] : [{ length, any }];
    })[0];
    const length = found?.length ?? 1;
    pattern += found?.any ?? rest.slice(0, length).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    rest = rest.slice(length);
  }
  return new RegExp(pattern);
}

/**
 * The first of the shown lines that does not occur in the output after those before it; null where
 * all do.
 */
export function firstMissing(shown: string[], output: string): string | null {
  let lines = output.split('\n');
  for (const line of shown) {
    if (line.trim() === '…') continue;
    const pattern = patternOf(line);
    const place = lines.findIndex((one) => pattern.test(one));
    if (place < 0) return line;
    lines = lines.slice(place + 1);
  }
  return null;
}
