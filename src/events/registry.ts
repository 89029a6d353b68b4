import { createHash } from 'node:crypto';
import { closest } from 'fastest-levenshtein';
import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';
import { explainIssues } from './issue.ts';
import { LONGEST_NAME } from './name.ts';
import { EVENT_TYPES_CHANNEL } from './register.ts';
import { type Check, compileCheck } from './schema/check.ts';
import { fieldNames, type JsonSchema } from './schema/keywords.ts';
import { schemaIssues } from './schema/schema-issues.ts';
import { gets, isPattern, patternOf, refusedPattern } from './wanted.ts';

/** A version of an event type, with the check of its payloads. */
export interface KnownEventType {
  name: string;
  version: number;
  /**
   * Says what of a payload does not fit; nothing: it fits. It never throws, and takes 0.1 s at
   * most.
   */
  check: Check;
  /** The names of fields that its schema speaks of. */
  names: ReadonlySet<string>;
}

/** The current version of an event type, for documents. */
export interface DescribedType {
  name: string;
  version: number;
  description: string;
  schema: JsonSchema;
  examples: Record<string, unknown>[];
}

export interface EventTypeRegistryOptions {
  pg: Sql;
  /** Tells of changes (default: it polls every `freshMs`). */
  listen?(channel: string, onNotify: () => void): Promise<boolean>;
  /** How old what is known may be, in ms (default 1,000). */
  freshMs?: number;
}

/** Bytes of schemas whose checks are kept. */
const MOST_KEPT = 16 * 1024 * 1024;

/** How long an unknown name is not looked for again, in ms. */
const UNKNOWN = 100;

/**
 * The event types that the database knows, for a process. What changes is known within
 * `freshMs`; a new type at once. Nothing is read while nobody asks.
 */
export class EventTypeRegistry {
  readonly #pg: Sql;
  readonly #freshMs: number;
  /** Each type's current version. */
  #current = new Map<string, number>();
  #fingerprint = '';
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  readonly #kept = new LRUCache<string, KnownEventType>({
    max: 5000,
    maxSize: MOST_KEPT,
  });

  constructor({ pg, listen, freshMs = 1000 }: EventTypeRegistryOptions) {
    this.#pg = pg;
    this.#freshMs = freshMs;
    // Who can't listen looks every now and then.
    listen?.(EVENT_TYPES_CHANNEL, () => this.forget()).catch(() => {});
  }

  /** The next caller reads the rows again. */
  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * The type of that name: its current version, or the one that is asked for.
   *
   * @returns undefined where there is none
   * @throws Postgres' error
   */
  async find(name: string, version?: number): Promise<KnownEventType | undefined> {
    const wanted = version ?? (await this.#currentVersion(name));
    if (wanted === undefined) return undefined;
    return this.#kept.get(keyOf(name, wanted)) ?? (await this.#compile(name, wanted));
  }

  /** The names of all types, by the alphabet. @throws Postgres' error */
  async names(): Promise<string[]> {
    await this.#refresh(this.#freshMs);
    return [...this.#current.keys()];
  }

  /** Of the types that there are, the one whose name is nearest. @throws Postgres' error */
  async nearest(name: string): Promise<string | undefined> {
    const names = await this.names();
    return names.length > 0 ? closest(name.slice(0, LONGEST_NAME), names) : undefined;
  }

  /**
   * What is not the name of a type, each with the nearest name in a sentence.
   *
   * @throws Postgres' error
   */
  async unknown(names: string[]): Promise<{ name: string; message: string }[]> {
    const known = await Promise.all(names.map((name) => this.#currentVersion(name)));
    const unknown = names.filter((_, place) => known[place] === undefined);
    return await Promise.all(
      unknown.map(async (name) => {
        const near = await this.nearest(name);
        return { name, message: `is no event type${near ? `; did you mean ${near}?` : ''}` };
      }),
    );
  }

  /**
   * As {@link unknown}, of what a subscriber asks for: names and patterns of them.
   *
   * @throws Postgres' error
   */
  async unknownWanted(wanted: string[]): Promise<{ name: string; message: string }[]> {
    const unknown = await this.unknown(wanted.filter((one) => !isPattern(one)));
    for (const pattern of wanted.filter(isPattern)) {
      const message = refusedPattern(pattern) ?? (await this.#whyNone(pattern));
      if (message) unknown.push({ name: pattern, message });
    }
    return unknown;
  }

  /** Says that a pattern stands for no type. */
  async #whyNone(pattern: string): Promise<string | undefined> {
    await this.#refresh(this.#freshMs);
    if (!this.#isAny(pattern)) await this.#refresh(UNKNOWN);
    if (this.#isAny(pattern)) return undefined;
    const near = closest(pattern, [...this.#current.keys()].map(patternOf));
    return `stands for no event type; did you mean ${near}?`;
  }

  #isAny(pattern: string): boolean {
    return [...this.#current.keys()].some((name) => gets([pattern], name));
  }

  /** The types in their current versions, by name. At most 1,000. @throws Postgres' error */
  async current(): Promise<DescribedType[]> {
    return await this.#pg<DescribedType[]>`
      select distinct on (name) name, version, description, schema, examples
      from knockon.event_types order by name, version desc limit 1000`;
  }

  /** Another text whenever a type, its version or its words have changed. */
  async fingerprint(): Promise<string> {
    await this.#refresh(this.#freshMs);
    return this.#fingerprint;
  }

  async #currentVersion(name: string): Promise<number | undefined> {
    await this.#refresh(this.#freshMs);
    if (!this.#current.has(name)) await this.#refresh(UNKNOWN);
    return this.#current.get(name);
  }

  /** Reads unless what is known is younger. Those who ask at once share one look. */
  async #refresh(ageMs: number): Promise<void> {
    if (!this.#reading && performance.now() - this.#readAt < ageMs) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    // Before the answer: what is told meanwhile may not be in it.
    this.#readAt = performance.now();
    try {
      const rows = await this.#pg<{ name: string; version: number; words: string }[]>`
        select distinct on (name) name, version, md5(description || examples::text) as words
        from knockon.event_types order by name, version desc`;
      this.#current = new Map(rows.map(({ name, version }) => [name, version]));
      this.#fingerprint = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  async #compile(name: string, version: number): Promise<KnownEventType | undefined> {
    const [row] = await this.#pg<{ schema: JsonSchema; bytes: number }[]>`
      select schema, octet_length(schema::text) as bytes from knockon.event_types
      where name = ${name} and version = ${version}`;
    if (!row) return undefined;
    const names = fieldNames(row.schema);
    const known = { name, version, check: checkOf(row.schema), names };
    this.#kept.set(keyOf(name, version), known, { size: row.bytes });
    return known;
  }
}

/** Nothing fits a schema that somebody has written into the table and that is none. */
export function checkOf(schema: JsonSchema): Check {
  const [issue] = schemaIssues(schema);
  if (!issue) return compileCheck(schema);
  const message = `can't be checked: its type's schema is refused: ${explainIssues([issue], 'it')}`;
  return () => [{ path: '', message }];
}

const keyOf = (name: string, version: number): string => `${name}@${version}`;
