/** A number that is not kept as it was written, and where in the JSON text it stands. */
export interface InexactNumber {
  /** Keys and indices with dots between, such as `metadata.ids.0`. */
  path: string;
  literal: string;
}

/**
 * Sixteen digits in a row, or an exponent: shorter numbers are always kept. Words and ids may look
 * like it.
 */
const suspicious = /[\d.]{16}|\d[eE]/;

/** Most that are told. */
const MOST = 100;

/** What a JSON text is made of, but for its words (`true`) and the space between. */
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\],]/g;

/**
 * The numbers of a JSON text that doubles can't hold as they are written (integers beyond 2^53,
 * more than 17 digits, too large, too small): JavaScript, and most who read JSON, would make other
 * numbers of them without a word. Integers beyond 2^53 are left out where JavaScript writes the
 * same digits, such as 9007199254740992. None where the text is no JSON.
 *
 * @param most of them
 * @param nameOf what a path is called; undefined where nobody reads what stands there
 */
export function inexactNumbers(
  text: string,
  most = MOST,
  nameOf: (path: string) => string | undefined = (path) => path,
): InexactNumber[] {
  // What is no JSON could have a string without an end, which each of its quotes would look for.
  if (!suspicious.test(text) || !isJson(text)) return [];
  const numbers: InexactNumber[] = [];
  /**
   * Where the token stands: an index in a list; in an object a key as it is written, null before
   * there is one.
   */
  const path: (string | number | null)[] = [];
  for (const [found] of text.matchAll(token)) {
    const here = path.at(-1);
    if (found === '{') path.push(null);
    else if (found === '[') path.push(0);
    else if (found === '}' || found === ']') path.pop();
    else if (found === ',') path[path.length - 1] = typeof here === 'number' ? here + 1 : null;
    else if (found.startsWith('"')) path[path.length - 1] = here ?? found;
    else if (!isKept(found)) {
      const name = nameOf(spoken(path.join('\n')));
      if (name !== undefined) numbers.push({ path: name, literal: found });
    }
    if (numbers.length === most) break;
  }
  return numbers;
}

/** No raw line break is in a JSON string, so they part the path. */
const spoken = (path: string): string =>
  path
    .split('\n')
    .map((step) => (step.startsWith('"') ? JSON.parse(step) : step))
    .join('.');

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a person is told. */
export const whyInexact = ({ literal }: InexactNumber): string =>
  `is ${literal.length > 40 ? `${literal.slice(0, 40)}…` : literal}, which can't be kept exactly ` +
  'as a number: send it as a string';

const isKept = (literal: string): boolean => decimal(literal) === decimal(String(Number(literal)));

/** A number's digits and its exponent, the same for `1.50`, `1.5e0` and `15E-1`. */
function decimal(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutEnd(digits);
  if (significant === '') return whole === '' ? 'none' : '0';
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${power}`;
}

/** Without the zeros at its end. A regular expression would begin anew at each zero there is. */
function withoutEnd(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}
