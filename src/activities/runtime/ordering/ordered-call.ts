import type { EffectAnswer, EffectCall, OpenOutcome } from '../../../transport/dispatch.ts';
import type { Effect } from '../effect.ts';
import type { HeldLocks } from '../locks/lock.ts';
import {
  type Entry,
  readLog,
  readWanted,
  type Stretch,
  these,
  type Wanted,
} from './channel-log.ts';
import {
  type Dependencies,
  EXTRA,
  KEYS_AT_ONCE,
  limitsOf,
  PAUSE,
  tryFastPath,
} from './fast-path.ts';
import { type AdvancedCursors, eligibleEvents, type Ran } from './plan-turn.ts';
import { type Ask, performTurn, type Turn, transactTurn } from './run-turn.ts';
import { recordBegun, type Waits } from './store.ts';

/**
 * How long an event waits for the one before it, in ms: each time a fifth longer, so that a
 * workflow can wait for months.
 */
const WAIT = { first: 2000, longest: 3_600_000, growth: 1.2 };

/**
 * Calls an ordered effect. The process that holds a channel runs its events in the order of its
 * log, after all earlier ones. The call waits a moment for a channel that another process holds,
 * and then sets a timer. It also sets one for events behind an event that failed.
 */
export async function callInOrder(
  effect: Effect,
  dependencies: Dependencies,
  call: EffectCall,
): Promise<EffectAnswer> {
  const began = performance.now();
  const together =
    'transact' in effect && !call.alone
      ? await tryFastPath(effect, dependencies, call, began)
      : undefined;
  if (together?.isAll) return { done: together.done, open: [] };
  const answered = new Set(together?.open.map((outcome) => outcome.event_id));
  const wanted = (await readWanted(dependencies.db, effect, call)).filter(
    (event) => !answered.has(event.id),
  );
  const ordered = new OrderedCall(effect, dependencies, call, {
    wanted,
    freed: together?.freed ?? new Map(),
    began,
  });

  await ordered.run();
  const open = [...(together?.open ?? []), ...ordered.open];
  const done = wanted.length - new Set(ordered.open.map((outcome) => outcome.event_id)).size;
  return { done: (together?.done ?? 0) + done, open };
}

class OrderedCall {
  readonly open: OpenOutcome[] = [];
  readonly #effect: Effect;
  readonly #with: Dependencies;
  readonly #call: EffectCall;
  readonly #began: number;
  /** In how many ms its events are called again that must wait. */
  readonly #waitMs: number;
  /** Somebody may have died of one of these: one at a time then. */
  readonly #careful: boolean;
  /** The one that was noted as begun. */
  #begun: Entry | undefined;
  #left: Map<string, Wanted>;
  /**
   * Channels that stood still because of an event of this call: what waited there follows, by its
   * keys.
   */
  readonly #freed: Map<string, string>;

  constructor(
    effect: Effect,
    dependencies: Dependencies,
    call: EffectCall,
    { wanted, freed, began }: { wanted: Wanted[]; freed: Map<string, string>; began: number },
  ) {
    this.#began = began;
    this.#freed = freed;
    this.#effect = effect;
    this.#with = dependencies;
    this.#call = call;
    this.#left = new Map(wanted.map((event) => [event.id, event]));
    const waited = Math.max(0, ...wanted.map((event) => event.waited_ms));
    this.#waitMs = Math.round(Math.min(Math.max(WAIT.first, waited * WAIT.growth), WAIT.longest));
    this.#careful = call.alone && (dependencies.attempt > 1 || (wanted[0]?.dispatch_size ?? 1) > 1);
  }

  async run(): Promise<void> {
    // A group has waited already.
    for (
      let tries = 0, waited = this.#call.alone ? 0 : PAUSE.most;
      this.#left.size > 0 || this.#freed.size > 0;
    ) {
      const busy = await this.#pass();
      const isOver =
        performance.now() - this.#began > this.#effect.timeout_ms / 3 || this.#with.signal.aborted;
      if (isOver || (busy.length > 0 && (this.#left.size === 0 || waited >= PAUSE.most))) break;
      if (busy.length === 0) continue;
      const paused = performance.now();
      await this.#with.locks.freed(
        { owner: this.#effect.name, keys: busy },
        PAUSE.first * 2 ** tries,
      );
      await this.#lookAgain();
      waited += performance.now() - paused;
      tries += 1;
    }
    for (const event_id of this.#left.keys())
      this.#callAgain(event_id, WAIT.first / 2, this.#call.target);
  }

  /**
   * Gives each channel a turn that is free. @returns the keys that were not, where nothing at all
   * could be done
   */
  async #pass(): Promise<string[]> {
    const keys = [
      ...new Set([...[...this.#left.values()].map((event) => event.key), ...this.#freed.values()]),
    ].sort();
    const busy: string[] = [];
    for (let i = 0; i < keys.length; i += KEYS_AT_ONCE) {
      const some = keys.slice(i, i + KEYS_AT_ONCE);
      if (this.#isCareful()) await this.#noteBegun(some);
      const request = { owner: this.#effect.name, keys: some, ...limitsOf(this.#effect) };
      const held = await this.#with.locks.hold(request, async (held) => {
        if (held.keys.length > 0) this.#follow(held.keys, await this.#turn(held));
        return new Set(held.keys);
      });
      busy.push(...some.filter((key) => !held.has(key)));
    }
    return busy.length === keys.length ? busy : [];
  }

  #turn(held: HeldLocks): Promise<Turn> {
    const { db, signal, told } = this.#with;
    const keys = new Set(held.keys);
    const ask = this.#ask(keys);
    return 'transact' in this.#effect
      ? transactTurn(held, this.#effect, ask)
      : performTurn(held, this.#effect, ask, { ...told, db, target: this.#call.target, signal });
  }

  #ask(keys: Set<string>): Ask {
    const wanted = this.#leftOf(keys);
    const deadline = this.#began + this.#effect.timeout_ms * 0.9;
    const most = this.#isCareful() ? 1 : this.#effect.batch;
    const waits = (advanced: AdvancedCursors, ran: Ran) => this.#waits(wanted, advanced, ran);
    const ids = wanted.map((event) => event.id);
    const mine = these(this.#begun ? [...ids, this.#begun.id] : ids);
    const { idleMs } = limitsOf(this.#effect);
    return {
      keys: [...keys],
      stretches: this.#stretches(keys),
      mine,
      most,
      deadline,
      idleMs,
      waits,
      told: this.#with.told,
    };
  }

  #leftOf(keys: Set<string>): Wanted[] {
    return [...this.#left.values()].filter((event) => keys.has(event.key));
  }

  /** Each channel up to its last event of this call; one that was freed to its end. */
  #stretches(keys: Set<string>): Stretch[] {
    const upto = new Map<string, { upto: number; most: number }>();
    for (const { channel_id, seq } of this.#leftOf(keys)) {
      if (channel_id === null || seq === null) continue;
      const known = upto.get(channel_id) ?? { upto: seq, most: 0 };
      upto.set(channel_id, { upto: Math.max(known.upto, seq), most: known.most + 1 });
    }
    for (const [channel, key] of this.#freed)
      if (keys.has(key)) upto.set(channel, { upto: Number.MAX_SAFE_INTEGER, most: 0 });
    const extra = Math.ceil(EXTRA / Math.max(1, upto.size));
    return [...upto].map(([channel_id, stretch]) => ({
      channel_id,
      upto: stretch.upto,
      most: stretch.most + extra,
    }));
  }

  /** Those that stand behind an event that is not done. */
  #waits(wanted: Wanted[], { heads }: AdvancedCursors, ran: Ran): Waits[] {
    const isOpen = new Set(ran.open.map((outcome) => outcome.event_id));
    return [...heads].flatMap(([channel, head]) => {
      const behind = wanted.filter(
        ({ id, channel_id, seq }) =>
          channel_id === channel &&
          (seq ?? 0) > (head.seq ?? 0) &&
          !isOpen.has(id) &&
          id !== head.id,
      );
      return behind.length > 0
        ? [{ ids: behind.map((event) => event.id), head, inMs: this.#waitMs }]
        : [];
    });
  }

  /** Takes note of what a turn has settled. */
  #follow(held: string[], turn: Turn): void {
    const wanted = this.#leftOf(new Set(held));
    for (const event of wanted) {
      if (!turn.settled.has(event.id)) continue;
      this.#left.delete(event.id);
      if (event.tried && event.channel_id !== null) this.#freed.set(event.channel_id, event.key);
    }
    for (const outcome of turn.open) {
      if (!wanted.some((event) => event.id === outcome.event_id)) continue;
      this.#left.delete(outcome.event_id);
      this.open.push(outcome);
    }
    for (const { ids } of this.#waits([...this.#left.values()], turn, {
      done: turn.settled,
      open: turn.open,
    })) {
      for (const event_id of ids)
        if (this.#left.delete(event_id)) this.#callAgain(event_id, this.#waitMs);
    }
    for (const [channel, key] of this.#freed) {
      const isDry = !turn.moved.has(channel) || turn.heads.has(channel);
      if (isDry && held.includes(key)) this.#freed.delete(channel);
    }
  }

  #callAgain(event_id: string, in_ms: number, target?: string): void {
    this.open.push({
      event_id,
      target,
      state: 'later',
      until: new Date(Date.now() + in_ms).toISOString(),
      in_ms,
    });
  }

  /**
   * What merely follows an event of this call may be done together: that one has its receipt
   * already.
   */
  #isCareful(): boolean {
    return this.#careful && this.#left.size > 0;
  }

  /** Before an event is tried that somebody may have died of, so that nobody else tries it. */
  async #noteBegun(keys: string[]): Promise<void> {
    this.#begun = undefined;
    const log = await readLog(this.#with.db, this.#effect, this.#ask(new Set(keys)));
    const [next] = eligibleEvents(log, this.#effect.onPoison, { most: 1, oneEach: true });
    this.#begun = next;
    if (next) await recordBegun(this.#with.db, this.#effect.name, next.id);
  }

  /** The former holder of the lock may have run them. */
  async #lookAgain(): Promise<void> {
    const still = new Set(
      (await readWanted(this.#with.db, this.#effect, this.#call)).map((event) => event.id),
    );
    this.#left = new Map([...this.#left].filter(([id]) => still.has(id)));
  }
}
