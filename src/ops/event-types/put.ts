import { isDeepStrictEqual } from 'node:util';
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { eventTypes } from '../../db/schema/events.ts';
import type { Issue } from '../../events/index.ts';
import { unkeptText } from '../../events/issue.ts';
import { isOwnType, refusedName } from '../../events/name.ts';
import { EVENT_TYPES_CHANNEL } from '../../events/register.ts';
import { compileCheck } from '../../events/schema/check.ts';
import { incompatibilities } from '../../events/schema/compare/incompatibilities.ts';
import { schemaIssues } from '../../events/schema/schema-issues.ts';
import { recordAction } from '../access/action-log.ts';
import { type EventTypeVersion, readEventType, readVersion } from './list.ts';

/** What an event type is to be. */
export interface EventTypeGiven {
  name: string;
  description: string;
  schema: Record<string, unknown>;
  examples: Record<string, unknown>[];
}

/** What came of it: the type as it is now, or why it was left as it was. */
export type Put =
  | { state: 'written' | 'unchanged'; type: EventTypeVersion }
  /** What was given can't be an event type. Paths are those of what was given. */
  | { state: 'refused'; issues: Issue[] }
  /** Payloads that fit may not fit any more. Paths are those of what was given. */
  | { state: 'incompatible'; current: EventTypeVersion; issues: Issue[] }
  | { state: 'declared in code'; current: EventTypeVersion };

interface How {
  breaking: boolean;
  takeOver: boolean;
}

/** Largest version. */
const LAST = 32_767;

const within = (place: string, issues: Issue[]): Issue[] =>
  issues.map(({ path, message }) => ({ path: path ? `${place}.${path}` : place, message }));

/** What keeps it from being an event type, whatever there is. */
function issuesOf({ name, schema, examples }: EventTypeGiven): Issue[] {
  const refused = refusedName(name);
  if (refused) return [{ path: 'name', message: refused }];
  const issues = schemaIssues(schema);
  if (issues.length > 0) return within('schema', issues);
  const unkept = unkeptText({ examples });
  if (unkept) return [{ path: 'examples', message: `${unkept} holds NUL or half a character` }];
  const check = compileCheck(schema);
  return examples.flatMap((example, place) => within(`examples.${place}`, check(example)));
}

/**
 * Makes an event type, or changes one. Another schema is its next version. Everybody knows it
 * within two seconds.
 *
 * @param options.breaking whether the schema may refuse what the current one takes
 * @param options.takeOver whether it may be one that code has declared. If a process declares it
 * still, the highest version is the current one, as ever.
 */
export async function putEventType(
  { db }: Database,
  given: EventTypeGiven,
  { by, ...how }: How & { by: string },
): Promise<Put> {
  const issues = issuesOf(given);
  if (issues.length > 0) return { state: 'refused', issues };
  return await db.transaction(async (tx) => {
    // One change at a time: each is compared with the one before.
    await tx.execute(sql`lock table knockon.event_types in share row exclusive mode`);
    const [current] = await readEventType(tx, given.name);
    const decided = decide(given, current, how);
    if (decided.state !== 'write') return decided;
    await write(tx, given, decided.version);
    const { name } = given;
    const told = Object.entries(how).filter(([, isSo]) => isSo);
    const detail = { version: decided.version, ...Object.fromEntries(told) };
    await recordAction(tx, { by, verb: 'set event type', subject: name, detail });
    await tx.execute(sql`select pg_notify(${EVENT_TYPES_CHANNEL}, '')`);
    const type = await readVersion(tx, name, decided.version);
    return { state: 'written', type: type! };
  });
}

function decide(
  given: EventTypeGiven,
  current: EventTypeVersion | undefined,
  { breaking, takeOver }: How,
): Put | { state: 'write'; version: number } {
  if (!current && isOwnType(given.name)) {
    const message = `${given.name} is a name of Knock-on's own events: choose another one`;
    return { state: 'refused', issues: [{ path: 'name', message }] };
  }
  if (!current) return { state: 'write', version: 1 };
  const isSame = isDeepStrictEqual(given.schema, current.schema);
  const isAllSame =
    isSame &&
    given.description === current.description &&
    isDeepStrictEqual(given.examples, current.examples);
  const isTakenOver = current.source === 'code' && takeOver && !isOwnType(given.name);
  if (isAllSame && !isTakenOver) return { state: 'unchanged', type: current };
  if (current.source === 'code' && !isTakenOver) return { state: 'declared in code', current };
  if (isSame) return { state: 'write', version: current.version };
  const issues = breaking ? [] : incompatibilities(current.schema, given.schema);
  if (issues.length > 0)
    return { state: 'incompatible', current, issues: within('schema', issues) };
  if (current.version < LAST) return { state: 'write', version: current.version + 1 };
  const message = `has had ${LAST} versions: declare a type of another name`;
  return { state: 'refused', issues: [{ path: 'schema', message }] };
}

async function write(
  tx: Transaction,
  { name, description, schema, examples }: EventTypeGiven,
  version: number,
): Promise<void> {
  await tx
    .insert(eventTypes)
    .values({ name, version, description, schema, examples, source: 'api' })
    .onConflictDoUpdate({
      target: [eventTypes.name, eventTypes.version],
      set: { description, examples, source: 'api' },
      setWhere: and(eq(eventTypes.name, name), eq(eventTypes.version, version)),
    });
}
