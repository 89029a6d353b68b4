import { edgeAfter, edgeBefore, FAR } from './edges.ts';
import type { Query } from './query.ts';
import type { Step } from './terms.ts';
import { eachToken, type Visit } from './tokens.ts';

/** A place in a text, in UTF-16 units; `end` is behind it. */
interface Span {
  start: number;
  end: number;
}

/** Texts of so many UTF-16 units are shown whole. */
const WHOLE = 240;
/** Of longer ones: so much before and after what was found, in so many places. */
const AROUND = 100;
const PLACES = 3;

const ELLIPSIS = '…';

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);

/**
 * A text as safe HTML: what a search finds in `<mark>`, all else escaped. Long ones are cut at
 * blanks or between signs, with an ellipsis, around what was found.
 *
 * @param lookedAt in how many UTF-16 units of it (default: in all)
 */
export function highlight(text: string, query: Query, lookedAt = Number.POSITIVE_INFINITY): string {
  const spans = foundIn(text.slice(0, lookedAt), query);
  return cutsOf(text, spans)
    .map(({ start, end }, i, cuts) => {
      const before = start === 0 ? '' : i === 0 ? `${ELLIPSIS} ` : ` ${ELLIPSIS} `;
      const after = i === cuts.length - 1 && end < text.length ? ` ${ELLIPSIS}` : '';
      return before + marked(text, { start, end }, spans) + after;
    })
    .join('');
}

function marked(text: string, { start, end }: Span, spans: Span[]): string {
  let html = '';
  let at = start;
  for (const span of spans) {
    if (span.end <= start || span.start >= end) continue;
    const [from, to] = [Math.max(span.start, start), Math.min(span.end, end)];
    html += `${escaped(text.slice(at, from))}<mark>${escaped(text.slice(from, to))}</mark>`;
    at = to;
  }
  return html + escaped(text.slice(at, end));
}

/** Where a text has what is looked for: in its order, none touching the next. */
export function foundIn(text: string, { branches }: Query): Span[] {
  const terms = branches.flat().filter(({ isExcluded }) => !isExcluded);
  const sequences = terms.flatMap((term) => term.sequences);
  if (sequences.length === 0) return [];
  const isFound = new Uint8Array(text.length);
  const mark = ({ start, end }: Span) => void isFound.fill(1, start, end);
  const places = placesOf(text, sequences, mark);
  for (const steps of sequences) if (steps.length > 1) followed(steps, places).forEach(mark);
  return runsOf(isFound);
}

/** Where each step fits, by position. */
type Places = Map<Step, Map<number, Span[]>>;

/** Where the steps fit that follow each other. @param mark is called with where one fits alone */
function placesOf(text: string, sequences: Step[][], mark: (span: Span) => void): Places {
  const places: Places = new Map();
  for (const steps of sequences.filter(({ length }) => length > 1))
    for (const step of steps) places.set(step, new Map());
  const whole = new Map<string, Step[]>();
  const prefixes: Step[] = [];
  for (const step of sequences.flat())
    if (step.isPrefix) prefixes.push(step);
    else for (const lexeme of step.lexemes) whole.set(lexeme, [...(whole.get(lexeme) ?? []), step]);
  const add = (step: Step, position: number, span: Span) => {
    const there = places.get(step);
    const known = there?.get(position);
    if (!there) mark(span);
    else if (known) known.push(span);
    else there.set(position, [span]);
  };
  const find: Visit = (lexeme, position, start, end, head) => {
    for (const step of whole.get(lexeme) ?? []) add(step, position, { start, end });
    for (const step of prefixes)
      if (lexeme.startsWith(step.lexemes[0]!)) add(step, position, { start, end: head });
  };
  eachToken(text, find, { looksUp: false });
  return places;
}

/** Where the steps follow each other. */
function followed([first, ...rest]: Step[], places: Places): Span[] {
  return [...places.get(first!)!].flatMap(([begun, spans]) => {
    const all = [...spans];
    let position = begun;
    for (const step of rest) {
      position += step.distance;
      const next = places.get(step)!.get(position);
      if (!next) return [];
      all.push(...next);
    }
    return all;
  });
}

function runsOf(isFound: Uint8Array): Span[] {
  const runs: Span[] = [];
  for (let start = isFound.indexOf(1); start !== -1; ) {
    const next = isFound.indexOf(0, start);
    const end = next === -1 ? isFound.length : next;
    runs.push({ start, end });
    start = isFound.indexOf(1, end);
  }
  return runs;
}

/** The parts of a text that are shown. */
function cutsOf(text: string, spans: Span[]): Span[] {
  if (text.length <= WHOLE) return [{ start: 0, end: text.length }];
  if (spans.length === 0) return [{ start: 0, end: edgeBefore(text, WHOLE) }];
  const cuts: Span[] = [];
  for (const span of spans) {
    const end = Math.min(text.length, Math.min(span.end, span.start + AROUND) + AROUND);
    const last = cuts.at(-1);
    if (last && isWithin(text, span, last)) last.end = Math.max(last.end, end);
    else if (cuts.length === PLACES) break;
    else cuts.push({ start: beginOf(text, span), end });
  }
  return cuts.map(({ start, end }) => ({ start, end: edgeBefore(text, end) }));
}

const beginOf = (text: string, { start }: Span) =>
  edgeAfter(text, Math.max(0, start - AROUND), start);

/** Whether nothing would be left out between a cut and that of the span. */
const isWithin = (text: string, span: Span, cut: Span) =>
  span.start <= cut.end - FAR || beginOf(text, span) <= edgeBefore(text, cut.end);
