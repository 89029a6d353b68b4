import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { MemoryBudget } from './memory-budget.ts';
import { type Beyond, fits, type Paged, payloadBytes, split } from './pages.ts';
import { type Claim, chosen, eventColumns } from './receipts.ts';

type Which = Pick<Claim, 'dispatch_id' | 'events'>;

/**
 * How long what was read is kept for another effect that is called with the same events, in ms:
 * they are called at the same moment.
 */
const KEPT = 2000;

/** Most bytes of events that are kept for others. */
const MOST_KEPT = 16 * 1024 * 1024;

/**
 * Bytes that the effects of a process have read and not yet done, in all and each of them at least.
 */
const ROOM = { all: 32 * 1024 * 1024, each: 4 * 1024 * 1024 };

/** What was read of a call's events: as many as fit into a page. */
export interface EventPage {
  events: DomainEvent[];
  bytes: number;
  /** Those that don't, in the same order; to be read by their ids. */
  beyond: Beyond[];
}

interface Kept {
  page: Promise<EventPage>;
  /** Calls that it is still kept for. */
  left: number;
  bytes: number;
}

/**
 * Reads the events of calls, in the order of their keys and seqs. Effects of one process that
 * are called with the same events share what is read, so they get them frozen; the log never
 * changes.
 */
export class EventReader {
  readonly #db: Database['db'];
  readonly #sharers: number;
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;
  readonly #budgets = new Map<string, MemoryBudget>();
  #roomBytes: number;

  /**
   * @param sharers effects of this process: after so many calls for the same events nobody else is
   * expected
   */
  constructor(db: Database['db'], sharers = 1) {
    this.#db = db;
    this.#sharers = sharers;
    this.#roomBytes = Math.max(ROOM.each, ROOM.all / sharers);
  }

  /** For effects that share no events, however many there are: each has room for itself. */
  static ofEach(db: Database['db']): EventReader {
    const reader = new EventReader(db);
    reader.#roomBytes = ROOM.each;
    return reader;
  }

  /** May be left unawaited: then nobody is told where it fails. */
  read(which: Which): Promise<EventPage> {
    const key = `${which.dispatch_id} ${JSON.stringify(which.events)}`;
    const kept = this.#kept.get(key) ?? this.#begin(key, which);
    kept.left -= 1;
    if (kept.left === 0) this.#forget(key, kept);
    return kept.page;
  }

  /** Where an effect's calls have room for what they have read. */
  budgetOf(effect: string): MemoryBudget {
    const budget = this.#budgets.get(effect) ?? new MemoryBudget(this.#roomBytes);
    this.#budgets.set(effect, budget);
    return budget;
  }

  #begin(key: string, which: Which): Kept {
    const page = this.#fetch(which);
    const kept: Kept = { page, left: this.#sharers, bytes: 0 };
    page.then(
      ({ bytes }) => this.#weigh(key, kept, bytes),
      () => this.#forget(key, kept),
    );
    if (this.#sharers > 1) {
      this.#kept.set(key, kept);
      setTimeout(() => this.#forget(key, kept), KEPT).unref();
    }
    return kept;
  }

  /** The oldest make room for what is read now. */
  #weigh(key: string, kept: Kept, bytes: number): void {
    if (this.#kept.get(key) !== kept) return;
    kept.bytes = bytes;
    this.#keptBytes += bytes;
    for (const [oldest, other] of this.#kept) {
      if (this.#keptBytes <= MOST_KEPT) break;
      this.#forget(oldest, other);
    }
  }

  #forget(key: string, kept: Kept): void {
    if (this.#kept.get(key) !== kept) return;
    this.#kept.delete(key);
    this.#keptBytes -= kept.bytes;
  }

  async #fetch(which: Which): Promise<EventPage> {
    const rows = await this.#db.execute(sql`
      with chosen as (${chosen(which)}), sized as (
        select e.*, ${payloadBytes(sql`e.payload`)} as bytes
        from chosen c
        cross join lateral (select * from knockon.events where id = c.event_id offset 0) e
      )
      select ${eventColumns}, bytes, fits from (
        select id, type, version, workspace_id, channel_id, message_id, sequence_id, key, seq,
          timestamp, bytes, ${fits} as fits,
          case when ${fits} then payload end as payload
        from sized window w as (order by sequence_id, seq, id)
      ) e order by e.sequence_id, e.seq, e.id`);
    const { page, beyond } = split(rows as unknown as (DomainEvent & Paged)[]);
    const bytes = page.reduce((sum, row) => sum + row.bytes, 0);
    return { events: page.map(eventOf), bytes, beyond };
  }
}

/**
 * Written out, as leaving fields out of each row takes as long as all else that is done with it
 * here.
 */
function eventOf({
  id,
  type,
  version,
  workspace_id,
  channel_id,
  message_id,
  key,
  seq,
  timestamp,
  payload,
}: DomainEvent): DomainEvent {
  return freeze({
    id,
    type,
    version,
    workspace_id,
    channel_id,
    message_id,
    key,
    seq,
    timestamp,
    payload,
  });
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
