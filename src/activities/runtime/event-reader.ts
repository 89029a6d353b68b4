import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { type Claim, chosen, eventColumns } from './receipts.ts';

type Which = Pick<Claim, 'dispatch_id' | 'events'>;

/** How long what was read is kept for another effect that is called with the same events, in ms: they are called at the same moment. */
const KEPT = 2000;

/**
 * Reads the events of calls, in the order of their channels and seqs. Effects of one process that are called with the same
 * events share what is read, so they get them frozen; the log never changes.
 */
export class EventReader {
  readonly #db: Database['db'];
  readonly #sharers: number;
  readonly #kept = new Map<string, { events: Promise<DomainEvent[]>; left: number }>();

  /** @param sharers effects of this process: after so many calls for the same events nobody else is expected */
  constructor(db: Database['db'], sharers = 1) {
    this.#db = db;
    this.#sharers = sharers;
  }

  /** May be left unawaited: then nobody is told where it fails. */
  read(which: Which): Promise<DomainEvent[]> {
    const key = `${which.dispatch_id} ${JSON.stringify(which.events)}`;
    const kept = this.#kept.get(key) ?? this.#begin(key, which);
    kept.left -= 1;
    if (kept.left === 0) this.#kept.delete(key);
    return kept.events;
  }

  #begin(key: string, which: Which) {
    const events = this.#fetch(which);
    const kept = { events, left: this.#sharers };
    const forget = () => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    };
    events.catch(forget);
    if (this.#sharers > 1) {
      this.#kept.set(key, kept);
      setTimeout(forget, KEPT).unref();
    }
    return kept;
  }

  async #fetch(which: Which): Promise<DomainEvent[]> {
    const rows = await this.#db.execute(sql`
      with chosen as (${chosen(which)})
      select ${eventColumns} from chosen c cross join lateral (select * from events where id = c.event_id offset 0) e order by e.channel_id, e.seq, e.id`);
    return (rows as unknown as DomainEvent[]).map(freeze);
  }
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
