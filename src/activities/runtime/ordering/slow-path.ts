import { type SQL, sql } from 'drizzle-orm';
import type { EffectAnswer, EffectCall, OpenOutcome } from '../../../transport/dispatch.ts';
import type { Effect } from '../effect.ts';
import { holdFree } from '../locks/lock.ts';
import { chosen } from '../receipts.ts';
import { recordBegun, type Waits } from './commit-turn.ts';
import type { FastPath } from './fast-path.ts';
import type { Ran } from './isolate.ts';
import { type AdvancedCursors, eligibleEvents } from './plan-turn.ts';
import {
  type Entry,
  lockKeyOf,
  type Queryable,
  readLog,
  receiptOf,
  type Stretch,
  withPredecessors,
} from './read-log.ts';
import { type Ask, lockRequest, type OrderedCall, runTurn, type Turn } from './run-turn.ts';

/**
 * How long an event waits for the one before it, in ms: each time a fifth longer, so that a
 * workflow can wait for months.
 */
const WAIT = { first: 2000, longest: 3_600_000, growth: 1.2 };

/**
 * A busy sequence is looked at again after so long, in ms, doubled each time. After `most` in all a
 * durable timer waits for it, and nobody here.
 */
const PAUSE = { first: 10, most: 640 };

/**
 * Follows the events of a call one by one. It runs those whose sequence is free, after all that is
 * before them in the log. It sets timers for those behind an event that failed, and for those whose
 * sequence stays busy.
 *
 * @param before what the fast path has made of the call
 */
export async function runSlowPath(
  ordered: OrderedCall,
  before: Pick<FastPath, 'freed' | 'open'>,
): Promise<EffectAnswer> {
  const isOpen = new Set(before.open.map((outcome) => outcome.event_id));
  const read = await readWanted(ordered.db, ordered.effect, ordered.call);
  const wanted = read.filter((event) => !isOpen.has(event.id));
  const path = new SlowPath(ordered, wanted, before.freed);
  await path.run();
  const open = new Set(path.open.map((outcome) => outcome.event_id));
  return { done: wanted.length - open.size, open: path.open };
}

/** An event that a call is for and that is not done. */
interface Wanted {
  id: string;
  /** What is locked for it: its sequence or its workspace. */
  key: string;
  /** Null: it has no place in any order. */
  sequence_id: string | null;
  seq: number | null;
  /** How long it was last made to wait, in ms; 0 at first. */
  waited_ms: number;
  /** It was tried before, so others may wait for it. */
  tried: boolean;
  /** Events of its dispatch. */
  dispatch_size: number;
}

/** The events of this call that have no receipt. */
export async function readWanted(
  db: Queryable,
  effect: Effect,
  call: EffectCall,
): Promise<Wanted[]> {
  const rows = await db.execute(sql`
    with chosen as (${chosen(call)})
    select e.id, ${lockKeyOf(effect)} as key, e.sequence_id, e.seq::float8 as seq,
      coalesce(extract(epoch from t.waited) * 1000, 0)::float8 as waited_ms,
      coalesce(t.tried, false) or l.is_there is not null as tried,
      coalesce((select size from knockon.dispatches where id = ${call.dispatch_id}), 1)
        as dispatch_size
    from chosen c cross join lateral (select * from knockon.events where id = c.event_id limit 1) e
    left join lateral (
      select max(waiting_until - updated_at) filter (where target = '') as waited,
        bool_or(waits_for is null) as tried
      from knockon.attempts where event_id = e.id and subscriber = ${effect.name}
    ) t on true
    left join lateral (
      select true as is_there from (select subscriber from knockon.dead_letters
        where event_id = e.id offset 0) l where subscriber = ${effect.name} limit 1
    ) l on true
    where ${receiptOf(sql`e.id`, effect.name)} is null
    order by e.sequence_id, e.seq, e.id`);
  return rows as unknown as Wanted[];
}
/** These events, as a turn reads them. */
export const these = (ids: string[]): SQL =>
  sql`select unnest(${sql.param(ids)}::uuid[]) as event_id`;

class SlowPath {
  readonly open: OpenOutcome[] = [];
  readonly #ordered: OrderedCall;
  /** After how many ms the events that must wait are called again. */
  readonly #waitMs: number;
  /** A worker may have died of one of these: one at a time then. */
  readonly #careful: boolean;
  /** The one that was noted as begun. */
  #begun: Entry | undefined;
  #left: Map<string, Wanted>;
  /** Sequences that stood still because of an event of this call, and their keys. */
  readonly #freed: Map<string, string>;

  constructor(ordered: OrderedCall, wanted: Wanted[], freed: Map<string, string>) {
    this.#ordered = ordered;
    this.#freed = new Map(freed);
    this.#left = new Map(wanted.map((event) => [event.id, event]));
    const waited = Math.max(0, ...wanted.map((event) => event.waited_ms));
    this.#waitMs = Math.round(Math.min(Math.max(WAIT.first, waited * WAIT.growth), WAIT.longest));
    const isOfGroup = (wanted[0]?.dispatch_size ?? 1) > 1;
    this.#careful = ordered.call.alone && (ordered.attempt > 1 || isOfGroup);
  }

  async run(): Promise<void> {
    const { alone, target } = this.#ordered.call;
    // A group has waited already.
    let waited = alone ? 0 : PAUSE.most;
    let pause = PAUSE.first;
    while (this.#left.size > 0 || this.#freed.size > 0) {
      const busy = await this.#pass();
      if (this.#isOver()) break;
      if (busy.length === 0) continue;
      if (this.#left.size === 0 || waited >= PAUSE.most) break;
      waited += await this.#pause(busy, pause);
      pause *= 2;
    }
    for (const event_id of this.#left.keys()) this.#callAgain(event_id, WAIT.first / 2, target);
  }

  /** Gives each free sequence a turn. @returns all keys where none was free */
  async #pass(): Promise<string[]> {
    const { effect, locks } = this.#ordered;
    const left = [...this.#left.values()].map((event) => event.key);
    const keys = [...new Set([...left, ...this.#freed.values()])].sort();
    if (this.#isCareful()) await this.#noteBegun(keys);
    const busy = await holdFree(locks, lockRequest(effect, keys), async (held) => {
      const ask = this.#ask(held.keys);
      this.#follow(held.keys, await runTurn(held, this.#ordered, ask));
    });
    return busy.length === keys.length ? busy : [];
  }

  #isOver(): boolean {
    const { began, effect, signal } = this.#ordered;
    return signal.aborted || performance.now() - began > effect.timeout_ms / 3;
  }

  /** @returns how long it took, in ms */
  async #pause(busy: string[], atMostMs: number): Promise<number> {
    const { call, db, effect, locks } = this.#ordered;
    const began = performance.now();
    await locks.freed({ owner: effect.name, keys: busy }, atMostMs);
    // The former holder of the lock may have run some.
    const still = new Set((await readWanted(db, effect, call)).map((event) => event.id));
    this.#left = new Map([...this.#left].filter(([id]) => still.has(id)));
    return performance.now() - began;
  }

  /** Notes the event that is tried next: if this worker dies of it, nobody else tries it. */
  async #noteBegun(keys: string[]): Promise<void> {
    const { db, effect } = this.#ordered;
    this.#begun = undefined;
    const log = await readLog(db, effect, this.#ask(keys));
    const [next] = eligibleEvents(log, effect.onPoison, { most: 1, oneEach: true });
    this.#begun = next;
    if (next) await recordBegun(db, effect.name, next.id);
  }

  /** What follows an event of this call may be done together: that one has its receipt already. */
  #isCareful(): boolean {
    return this.#careful && this.#left.size > 0;
  }

  #ask(keys: string[]): Ask {
    const wanted = this.#leftOf(keys);
    const ids = wanted.map((event) => event.id);
    const begun = this.#begun?.id;
    const guest = begun && !ids.includes(begun) ? begun : undefined;
    return {
      keys,
      stretches: this.#stretches(keys, wanted),
      mine: these(guest ? [...ids, guest] : ids),
      guest,
      most: this.#isCareful() ? 1 : this.#ordered.effect.batch,
      waits: (advanced, ran) => this.#waits(wanted, advanced, ran),
    };
  }

  #leftOf(keys: string[]): Wanted[] {
    const held = new Set(keys);
    return [...this.#left.values()].filter((event) => held.has(event.key));
  }

  /** Each sequence up to its last event of this call. A sequence that was freed: to its end. */
  #stretches(keys: string[], wanted: Wanted[]): Stretch[] {
    const stretches = new Map<string, Stretch>();
    for (const { sequence_id, seq } of wanted) {
      if (sequence_id === null || seq === null) continue;
      const { upto, most } = stretches.get(sequence_id) ?? { upto: seq, most: 0 };
      stretches.set(sequence_id, { sequence_id, upto: Math.max(upto, seq), most: most + 1 });
    }
    for (const [sequence_id, key] of this.#freed) {
      if (!keys.includes(key)) continue;
      stretches.set(sequence_id, { sequence_id, upto: Number.MAX_SAFE_INTEGER, most: 0 });
    }
    return withPredecessors([...stretches.values()]);
  }

  /** Those that stand behind an event that is not done. */
  #waits(
    wanted: Wanted[],
    { blocking: all }: AdvancedCursors,
    { open }: Pick<Ran, 'open'>,
  ): Waits[] {
    const isOpen = new Set(open.map((outcome) => outcome.event_id));
    return [...all].flatMap(([sequence, blocking]) => {
      const there = wanted.filter((event) => event.sequence_id === sequence);
      const behind = there.filter(
        ({ id, seq }) => !isOpen.has(id) && (seq ?? 0) > (blocking.seq ?? 0),
      );
      const ids = behind.map((event) => event.id);
      return ids.length > 0 ? [{ ids, blocking, inMs: this.#waitMs }] : [];
    });
  }

  /** Takes note of what a turn came to. */
  #follow(held: string[], turn: Turn): void {
    const wanted = new Map(this.#leftOf(held).map((event) => [event.id, event]));
    for (const event of wanted.values()) if (turn.done.has(event.id)) this.#noteDone(event);
    for (const outcome of turn.open) {
      if (!wanted.has(outcome.event_id)) continue;
      this.#left.delete(outcome.event_id);
      this.open.push(outcome);
    }
    const waiting = this.#waits([...this.#left.values()], turn, turn);
    for (const id of waiting.flatMap(({ ids }) => ids)) this.#callAgain(id, this.#waitMs);
    for (const [sequence, key] of this.#freed) {
      const isDry = !turn.moved.has(sequence) || turn.blocking.has(sequence);
      if (isDry && held.includes(key)) this.#freed.delete(sequence);
    }
  }

  /** Once an event is done that was tried before, what waits behind it in its sequence follows. */
  #noteDone({ id, tried, sequence_id, key }: Wanted): void {
    this.#left.delete(id);
    if (tried && sequence_id !== null) this.#freed.set(sequence_id, key);
  }

  #callAgain(event_id: string, in_ms: number, target?: string): void {
    this.#left.delete(event_id);
    const until = new Date(Date.now() + in_ms).toISOString();
    this.open.push({ event_id, target, state: 'later', until, in_ms });
  }
}
