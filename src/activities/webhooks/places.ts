import { Lane, type Share } from './lane.ts';
import { type Pace, SLOW_MS } from './pace.ts';

/**
 * Calls that may wait for one endpoint, for the slow ones of a workspace, and for slow ones in all:
 * each holds its events.
 */
const CALLS = { endpoint: 8, workspace: 16, all: 256 };

/** Endpoints that are remembered. */
const REMEMBERED = 10_000;

/** A request's place, from when it may be sent until it is recorded. */
export interface Place {
  /** Sends; how long that takes says how quick the endpoint is. */
  send<T>(request: () => Promise<T>): Promise<T>;
  leave(): void;
}

/**
 * Shares out the requests that one worker process has under way at once: by workspace, then by
 * endpoint, to whichever has fewest. A slow endpoint holds its place a hundred times as long as a
 * quick one, so slow ones may have half of the places, slow and unknown ones three quarters, and
 * one workspace's a quarter. What takes longer than a second counts as slow from that moment.
 */
export class Places {
  readonly #total: number;
  readonly #underWay: Record<Pace, number> = { quick: 0, unknown: 0, slow: 0 };
  readonly #lanes = new Map<string, Lane>();
  readonly #shares = new Map<string, Share>();
  readonly #waiting = new Set<Lane>();
  #slowCalls = 0;
  #served = 0;

  /** @param total requests at once */
  constructor(total: number) {
    this.#total = total;
  }

  /** What is known of an endpoint. */
  lane(workspaceId: string, endpointId: string): Lane {
    const known = this.#lanes.get(endpointId);
    if (known) return known;
    this.#forgetOldest();
    const share = this.#shares.get(workspaceId) ?? {
      id: workspaceId,
      lanes: 0,
      underWay: 0,
      unproven: 0,
      slowCalls: 0,
      servedAt: 0,
    };
    share.lanes += 1;
    this.#shares.set(workspaceId, share);
    const lane = new Lane(endpointId, share);
    this.#lanes.set(endpointId, lane);
    return lane;
  }

  /**
   * Lets a call wait for an endpoint.
   *
   * @returns what is to be called when all it has for it are begun; undefined where so many wait
   * already that it must come again
   */
  enter(lane: Lane): (() => void) | undefined {
    const isSlow = lane.pace.now === 'slow';
    const { share } = lane;
    if (lane.calls >= CALLS.endpoint) return undefined;
    if (
      isSlow &&
      (share.slowCalls >= CALLS.workspace || (this.#slowCalls >= CALLS.all && share.slowCalls > 0))
    )
      return undefined;
    const count = (one: 1 | -1) => {
      lane.calls += one;
      if (!isSlow) return;
      share.slowCalls += one;
      this.#slowCalls += one;
    };
    count(1);
    return () => count(-1);
  }

  /**
   * Waits for a place. @param until on the clock of `performance.now()` @returns undefined where
   * there was none by then
   */
  async take(lane: Lane, until: number, signal: AbortSignal): Promise<Place | undefined> {
    if (signal.aborted || performance.now() > until) return undefined;
    const isGiven = await new Promise<boolean>((resolve) => {
      const giveUp = () => {
        lane.waiting.splice(lane.waiting.indexOf(waiter), 1);
        if (lane.waiting.length === 0) this.#waiting.delete(lane);
        end(false);
      };
      const end = (given: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(given);
      };
      const waiter = { begin: () => end(true) };
      const timer = setTimeout(giveUp, Math.max(0, until - performance.now()));
      signal.addEventListener('abort', giveUp, { once: true });
      lane.waiting.push(waiter);
      this.#waiting.add(lane);
      this.#giveAway();
    });
    return isGiven ? this.#placeOf(lane) : undefined;
  }

  #placeOf(lane: Lane): Place {
    let isLeft = false;
    return {
      send: async (request) => {
        const began = performance.now();
        let isSlow = false;
        const noted = () => {
          if (!isSlow) this.#learn(lane, () => lane.pace.isSlow());
          isSlow = true;
        };
        // Where this process is late itself, the answer may be there already: it is taken in first.
        let late: NodeJS.Immediate | undefined;
        const timer = setTimeout(() => {
          late = setImmediate(noted);
        }, SLOW_MS);
        try {
          return await request();
        } finally {
          clearTimeout(timer);
          clearImmediate(late);
          const ms = performance.now() - began;
          if (ms >= 2 * SLOW_MS) noted();
          this.#learn(lane, () => lane.took(isSlow ? ms : Math.min(ms, SLOW_MS - 1)));
        }
      },
      leave: () => {
        if (isLeft) return;
        isLeft = true;
        this.#count(lane, -1);
        this.#giveAway();
      },
    };
  }

  #giveAway(): void {
    for (let lane = this.#next(); lane; lane = this.#next()) {
      const waiter = lane.waiting.shift();
      if (lane.waiting.length === 0) this.#waiting.delete(lane);
      this.#served += 1;
      lane.servedAt = this.#served;
      lane.share.servedAt = this.#served;
      this.#count(lane, 1);
      waiter?.begin();
    }
  }

  /**
   * Whose turn it is: of the paces that may have one more, that with the fewest; then of
   * workspaces, then of endpoints.
   */
  #next(): Lane | undefined {
    const open = (['quick', 'unknown', 'slow'] as const).filter((pace) => this.#isOpen(pace));
    for (const pace of open.sort((a, b) => this.#underWay[a] - this.#underWay[b])) {
      let best: Lane | undefined;
      for (const lane of this.#waiting)
        if (this.#mayHaveOne(lane, pace) && (!best || isBefore(lane, best))) best = lane;
      if (best) return best;
    }
    return undefined;
  }

  #isOpen(pace: Pace): boolean {
    const { quick, unknown, slow } = this.#underWay;
    if (quick + unknown + slow >= this.#total) return false;
    if (pace === 'quick') return true;
    return unknown + slow < this.#part(3 / 4) && (pace === 'unknown' || slow < this.#part(1 / 2));
  }

  #mayHaveOne({ pace, underWay, width, share }: Lane, which: Pace): boolean {
    if (pace.now !== which || underWay >= width) return false;
    return which === 'quick' || share.unproven < this.#part(1 / 4);
  }

  #part(share: number): number {
    return Math.max(1, Math.floor(this.#total * share));
  }

  /** What is learnt of an endpoint may let others begin. */
  #learn(lane: Lane, learn: () => void): void {
    const { underWay } = lane;
    this.#count(lane, -underWay);
    learn();
    this.#count(lane, underWay);
    this.#giveAway();
  }

  #count(lane: Lane, by: number): void {
    const pace = lane.pace.now;
    lane.underWay += by;
    lane.share.underWay += by;
    this.#underWay[pace] += by;
    if (pace !== 'quick') lane.share.unproven += by;
  }

  #forgetOldest(): void {
    if (this.#lanes.size < REMEMBERED) return;
    for (const lane of this.#lanes.values()) {
      if (!lane.isIdle) continue;
      this.#lanes.delete(lane.id);
      lane.share.lanes -= 1;
      if (lane.share.lanes === 0) this.#shares.delete(lane.share.id);
      return;
    }
  }
}

function isBefore(a: Lane, b: Lane): boolean {
  const by =
    a.share === b.share
      ? [a.underWay - b.underWay, a.servedAt - b.servedAt]
      : [a.share.underWay - b.share.underWay, a.share.servedAt - b.share.servedAt];
  return (by[0] || by[1] || 0) < 0;
}
