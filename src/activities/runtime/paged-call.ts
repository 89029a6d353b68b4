import type { DomainEvent } from '../../events/index.ts';
import type { EffectAnswer, EffectCall, OpenOutcome } from '../../transport/dispatch.ts';
import type { CallSlots } from './call-slots.ts';
import type { Call, Effect } from './effect.ts';
import type { EventReader } from './event-reader.ts';
import { type PagePlan, planPages } from './pages.ts';

/** What a call reads its events with. */
export interface Paging {
  reader: EventReader;
  signal: AbortSignal;
  /** Of the effect's calls in this process. */
  slots?: CallSlots;
  /** On the clock of `performance.now()`. */
  began: number;
  /** What the effect is told of the call. */
  told: Call;
}

/**
 * How long a call waits for room, holding a slot and nothing else, and after how long what had none
 * is called again, in ms.
 */
const WAIT = { room: 1000, again: 1000 };

/** Events that were read, with what gives back their room. */
interface Read {
  events: DomainEvent[];
  release(): void;
}

/**
 * Reads all events of a call, as it nearly always can. Where they are more than a page, or there is
 * no room just now: how they are to be read instead.
 */
export async function readAtOnce(
  effect: Effect,
  call: EffectCall,
  { reader }: Paging,
): Promise<Read | { pages: PagePlan[] }> {
  const { events, bytes, beyond } = await reader.read(call);
  const release = beyond.length === 0 ? reader.budgetOf(effect.name).tryTake(bytes) : undefined;
  if (release) return { events, release };
  return { pages: [{ ids: events.map((event) => event.id), bytes }, ...planPages(beyond)] };
}

/**
 * Does a call's events page by page. What is done stays done, whatever becomes of the pages after
 * it. A page that is not reached in time, or finds no room, is answered as `later`, which uses up
 * no try.
 */
export async function pageByPage(
  effect: Effect,
  call: EffectCall,
  pages: PagePlan[],
  paging: Paging,
  work: (claim: EffectCall, events: DomainEvent[]) => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const until = paging.began + beginsWithin(effect);
  const answer: EffectAnswer = { done: 0, open: [] };
  const queue = [...pages];
  for (let page = queue.shift(); page; page = queue.shift()) {
    const isOver = paging.signal.aborted || (page !== pages[0] && performance.now() > until);
    const release = isOver
      ? undefined
      : await paging.reader.budgetOf(effect.name).take(page.bytes, WAIT.room);
    if (!release) {
      answer.open.push(...left(call, [page, ...queue], isOver ? 0 : WAIT.again));
      break;
    }
    try {
      const { events, beyond } = await paging.reader.read({ ...call, events: { ids: page.ids } });
      const isBeyond = new Set(beyond.map(({ id }) => id));
      queue.unshift(...planPages(beyond));
      const { done, open } = await work(
        { ...call, events: { ids: page.ids.filter((id) => !isBeyond.has(id)) } },
        events,
      );
      answer.done += done;
      answer.open.push(...open);
    } finally {
      release();
    }
  }
  return answer;
}

/**
 * How long after its beginning a call begins another page, in ms. What calls the outside may take
 * nearly all of its time for one.
 */
const beginsWithin = ({ timeout_ms, ...effect }: Effect): number =>
  timeout_ms * ('transact' in effect ? 0.5 : 0.1);

/** All for the same moment: one timer and one call. */
function left({ target }: EffectCall, pages: PagePlan[], in_ms: number): OpenOutcome[] {
  const until = new Date(Date.now() + in_ms).toISOString();
  return pages
    .flatMap(({ ids }) => ids)
    .map((event_id) => ({ event_id, target, state: 'later', until, in_ms }));
}
