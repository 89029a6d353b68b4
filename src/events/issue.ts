/** What is wrong with a value, and where. */
export interface Issue {
  /** Keys and indices with dots between, such as `lines.0.amount`; empty: the value itself. */
  path: string;
  /** What is wrong, to be read after the path: `is missing`. It quotes nothing of the value. */
  message: string;
}

/** Issues that are told in one sentence. */
const TOLD = 10;

/**
 * Issues in one sentence.
 *
 * @param whole what the value itself is called
 */
export function explainIssues(issues: Issue[], whole = 'payload'): string {
  const told = issues.slice(0, TOLD).map(({ path, message }) => `${path || whole} ${message}`);
  const more = issues.length > TOLD ? [`and ${issues.length - TOLD} more`] : [];
  return [...told, ...more].join('; ');
}

/** Where a text has NUL or half of a surrogate pair, which no text in Postgres can hold. */
export function unkeptText(value: unknown, path: string[] = []): string | undefined {
  const isUnkept = (text: string) => /[\0\p{Surrogate}]/u.test(text);
  if (typeof value === 'string') return isUnkept(value) ? path.join('.') : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    if (isUnkept(name)) return `a name in ${path.join('.') || 'it'}`;
    const found = unkeptText(member, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}
