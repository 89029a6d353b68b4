import type { Transaction } from '../../../db/client.ts';
import type { DomainEvent } from '../../../events/index.ts';
import { groupBy } from '../../../group-by.ts';
import type { Answer, Effect } from '../effect.ts';
import { laterIn, type Open } from '../outcomes.ts';
import { type DebouncePolicy, type Decision, decide, type KeyedEvent } from './decide.ts';
import {
  type KeyPosition,
  lockStates,
  readKeyPositions,
  readLatest,
  writeMerges,
  writeStates,
} from './store.ts';

/** Why an event waits, for operators. */
const REASON = 'debounced: waiting for a later event of its key';

/** What became of the events of a call. */
interface Sorted {
  /** The effect is called with these. */
  called: DomainEvent[];
  waits: Open[];
  /** By the event, the one that stands for it. */
  merged: Map<DomainEvent, string>;
  follows: Map<DomainEvent, string>;
}

/**
 * The effect, called with the last event of a key alone. Those before it get a receipt once that
 * one is done. Events without a key are called at once. An effect that is not debounced stays as
 * it is.
 */
export function debouncing(effect: Effect): Effect {
  const { name, debounce } = effect;
  if (!debounce) return effect;
  if ('transact' in effect)
    return {
      ...effect,
      async transact(tx, events, call) {
        const sorted = await sort(tx, effect, debounce, events);
        const open = await callWith(sorted, (some) => effect.transact(tx, some, call));
        await writeMerges(tx, name, mergedOf(sorted, open));
        return [...open, ...waitsOf(sorted, open, debounce)];
      },
    };
  return {
    ...effect,
    async perform(events, call) {
      // A target's event has been called before.
      if (call.target !== undefined || call.targets) return await effect.perform(events, call);
      const sorted = await call.db.transaction((tx) => sort(tx, effect, debounce, events));
      const open = await callWith(sorted, (some) => effect.perform(some, call));
      await writeMerges(call.db, name, mergedOf(sorted, open));
      return [...open, ...waitsOf(sorted, open, debounce)];
    },
  };
}

const callWith = async (
  { called }: Sorted,
  run: (events: DomainEvent[]) => Promise<Answer | void>,
): Promise<Open[]> => (called.length > 0 ? ((await run(called)) ?? []) : []);

async function sort(
  tx: Transaction,
  effect: Effect,
  policy: DebouncePolicy,
  events: DomainEvent[],
): Promise<Sorted> {
  const isKeyed = (event: DomainEvent) => event.key !== null && event.seq !== null;
  const sorted: Sorted = {
    called: events.filter((event) => !isKeyed(event)),
    waits: [],
    merged: new Map(),
    follows: new Map(),
  };
  const keyed = events.filter(isKeyed);
  if (keyed.length === 0) return sorted;
  const keys = groupBy(keyed, ({ workspace_id, key }) => `${workspace_id} ${key}`);
  const positions = await readKeyPositions(tx, keyed);
  const locked = await lockStates(
    tx,
    effect.name,
    [...keys.values()].map(([first]) => first!),
  );
  const latest = await readLatest(tx, effect, lastOf(keyed, positions));
  for (const row of locked) {
    const own = keys.get(`${row.workspace_id} ${row.key}`) ?? [];
    const sequence = positions.get(own[0]?.id ?? '')?.sequence_id ?? '';
    const others = { ...row.fate, latest: latest.get(sequence) ?? null };
    const events = inOrder(own, positions);
    const { state, decisions } = decide(row.state, events, others, row.now, policy);
    row.state = state;
    for (const event of own) put(sorted, event, decisions.get(event.id)!);
  }
  await writeStates(tx, effect.name, locked);
  return sorted;
}

const inOrder = (events: DomainEvent[], positions: Map<string, KeyPosition>): KeyedEvent[] =>
  events
    .map(({ id, seq, timestamp }) => {
      const at = positions.get(id)?.at ?? Date.parse(timestamp);
      return { id, seq: seq!, at };
    })
    .sort((a, b) => a.seq - b.seq);

/** The last `seq` of these events in each sequence. */
function lastOf(events: DomainEvent[], positions: Map<string, KeyPosition>): Map<string, number> {
  const last = new Map<string, number>();
  for (const { id, seq } of events) {
    const sequence = positions.get(id)?.sequence_id;
    if (sequence) last.set(sequence, Math.max(last.get(sequence) ?? 0, seq!));
  }
  return last;
}

function put(sorted: Sorted, event: DomainEvent, decision: Decision): void {
  switch (decision.kind) {
    case 'call':
      sorted.called.push(event);
      break;
    case 'wait':
      sorted.waits.push(laterIn(event, decision.ms, REASON));
      break;
    case 'merge':
      sorted.merged.set(event, decision.into);
      break;
    case 'follow':
      sorted.follows.set(event, decision.into);
  }
}

const isOpen = (open: Open[], id: string) => open.some(({ event_id }) => event_id === id);

const mergedOf = ({ merged, follows }: Sorted, open: Open[]): [DomainEvent, string][] => [
  ...merged,
  ...[...follows].filter(([, into]) => !isOpen(open, into)),
];

/** What follows an event that is not done waits with it. */
const waitsOf = ({ waits, follows }: Sorted, open: Open[], { wait_ms }: DebouncePolicy): Open[] => [
  ...waits,
  ...[...follows].flatMap(([event, into]) =>
    isOpen(open, into) ? [laterIn(event, Math.max(1000, wait_ms), REASON)] : [],
  ),
];
