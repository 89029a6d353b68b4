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
