import { sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Transaction } from '../../db/client.ts';
import { explainIssues, type Issue } from '../../events/issue.ts';
import { checkOf } from '../../events/registry.ts';
import type { Check } from '../../events/schema/check.ts';

/** Thrown where the payload of a run does not fit its event type, as it is by now. */
export class RunMisfitError extends Error {
  override name = 'RunMisfitError';
  /** Their paths begin with `payload`. */
  readonly issues: Issue[];

  constructor(type: string, issues: Issue[]) {
    super(`the payload does not fit the event type ${type}: ${explainIssues(issues)}`);
    this.issues = issues.map(({ path, message }) => ({
      path: path ? `payload.${path}` : 'payload',
      message,
    }));
  }
}

/** By the text of their schema, which is up to 64 KiB. */
const checks = new LRUCache<string, Check>({ max: 100 });

/**
 * Compares the payloads of runs with the current version of their type.
 *
 * @throws RunMisfitError
 */
export async function checkRuns(tx: Transaction, type: string, payloads: object[]): Promise<void> {
  const [row] = await tx.execute<{ schema: string }>(sql`
    select schema::text as schema from knockon.event_types where name = ${type}
    order by version desc limit 1`);
  // A type that there is not is refused by Postgres, with the names like it.
  if (!row) return;
  const check = checks.get(row.schema) ?? checkOf(JSON.parse(row.schema));
  checks.set(row.schema, check);
  for (const payload of payloads) {
    const issues = check(payload);
    if (issues.length > 0) throw new RunMisfitError(type, issues);
  }
}
