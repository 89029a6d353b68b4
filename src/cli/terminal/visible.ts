/** Colours and weights, as `styled` writes them: they move nothing and hide nothing. */
const STYLE = String.raw`\x1b\[(?:[012]|22|3[0-9]|9[0-7])m`;

/** What a terminal obeys, and what turns the text around it; line ends and tabs are text. */
const OBEYED = /(?![\n\t])\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u.source;

const plain = new RegExp(OBEYED, 'gu');
const styled = new RegExp(`${STYLE}|${OBEYED}`, 'gu');

/**
 * Text for a terminal: what is in names, excerpts and errors is shown (`\x1b`, `\u202e`) and does
 * nothing. JSON stays the JSON it is: characters that it may hold as they are become its own
 * escapes.
 *
 * @param keepsStyle whether colours are kept
 */
export function visible(text: string, keepsStyle = false): string {
  return text.replace(keepsStyle ? styled : plain, (found) =>
    found.length > 1 ? found : escaped(found.charCodeAt(0)),
  );
}

const escaped = (code: number) => (code < 0x20 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0');
