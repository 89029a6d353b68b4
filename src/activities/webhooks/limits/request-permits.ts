import { EndpointState, type WorkspaceState } from './endpoint-state.ts';
import { SLOW_MS, type Speed } from './response-times.ts';

/**
 * Most calls that wait for one endpoint, for a workspace's slow endpoints, and for slow endpoints
 * in all. Each call holds its events in memory.
 */
const CALLS = { endpoint: 8, workspace: 16, all: 256 };

/** Endpoints that are remembered. */
const REMEMBERED = 10_000;

/** A request may be in flight, from now until `release`. */
export interface Permit {
  /** Sends. How long that takes tells how fast the endpoint is. */
  send<T>(request: () => Promise<T>): Promise<T>;
  release(): void;
}

/**
 * Shares out the requests that one worker process may have in flight: first among workspaces, then
 * among endpoints, always to the one with the fewest. A slow endpoint keeps a permit a hundred
 * times as long as a fast one. So these share the permits:
 *
 * - slow endpoints: at most half
 * - slow and unknown endpoints: at most three quarters
 * - slow and unknown endpoints of one workspace: at most a quarter
 *
 * A request counts as slow as soon as it has taken a second.
 */
export class RequestPermits {
  readonly #total: number;
  readonly #inFlight: Record<Speed, number> = { fast: 0, unknown: 0, slow: 0 };
  readonly #endpoints = new Map<string, EndpointState>();
  readonly #workspaces = new Map<string, WorkspaceState>();
  readonly #waiting = new Set<EndpointState>();
  #slowCalls = 0;
  #served = 0;

  /** @param total most requests in flight */
  constructor(total: number) {
    this.#total = total;
  }

  /** What is known of an endpoint. */
  endpoint(workspaceId: string, endpointId: string): EndpointState {
    const known = this.#endpoints.get(endpointId);
    if (known) return known;
    this.#forgetOldest();
    const workspace = this.#workspaces.get(workspaceId) ?? newWorkspace(workspaceId);
    workspace.endpoints += 1;
    this.#workspaces.set(workspaceId, workspace);
    const endpoint = new EndpointState(endpointId, workspace);
    this.#endpoints.set(endpointId, endpoint);
    return endpoint;
  }

  /**
   * Lets a call wait for an endpoint.
   *
   * @returns a function to be called once all deliveries of the call have begun, and at its end at
   * the latest; undefined if too many calls wait already, so that this one must come again
   */
  join(endpoint: EndpointState): (() => void) | undefined {
    const { workspace } = endpoint;
    const isSlow = endpoint.responses.speed === 'slow';
    if (endpoint.calls >= CALLS.endpoint) return undefined;
    if (isSlow && this.#hasTooManySlowCalls(workspace)) return undefined;
    const count = (by: 1 | -1) => {
      endpoint.calls += by;
      if (!isSlow) return;
      workspace.slowCalls += by;
      this.#slowCalls += by;
    };
    let hasJoined = true;
    count(1);
    return () => {
      if (hasJoined) count(-1);
      hasJoined = false;
    };
  }

  #hasTooManySlowCalls({ slowCalls }: WorkspaceState): boolean {
    if (slowCalls >= CALLS.workspace) return true;
    return this.#slowCalls >= CALLS.all && slowCalls > 0;
  }

  /**
   * Waits for a permit.
   *
   * @param until on the clock of `performance.now()`
   * @returns undefined if there was none by then
   */
  async acquire(
    endpoint: EndpointState,
    until: number,
    signal: AbortSignal,
  ): Promise<Permit | undefined> {
    if (signal.aborted || performance.now() > until) return undefined;
    const isGranted = await new Promise<boolean>((resolve) => {
      const giveUp = () => {
        endpoint.waiting.splice(endpoint.waiting.indexOf(waiter), 1);
        if (endpoint.waiting.length === 0) this.#waiting.delete(endpoint);
        end(false);
      };
      const end = (granted: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(granted);
      };
      const waiter = { begin: () => end(true) };
      const timer = setTimeout(giveUp, Math.max(0, until - performance.now()));
      signal.addEventListener('abort', giveUp, { once: true });
      endpoint.waiting.push(waiter);
      this.#waiting.add(endpoint);
      this.#grant();
    });
    return isGranted ? this.#permitFor(endpoint) : undefined;
  }

  #permitFor(endpoint: EndpointState): Permit {
    let isReleased = false;
    return {
      send: (request) => this.#send(endpoint, request),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#count(endpoint, -1);
        this.#grant();
      },
    };
  }

  async #send<T>(endpoint: EndpointState, request: () => Promise<T>): Promise<T> {
    const began = performance.now();
    let isSlow = false;
    const noteSlow = () => {
      if (!isSlow) this.#learn(endpoint, () => endpoint.responses.noteSlow());
      isSlow = true;
    };
    // If this process itself is late, the answer may be there already. It is read first.
    let late: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      late = setImmediate(noteSlow);
    }, SLOW_MS);
    try {
      return await request();
    } finally {
      clearTimeout(timer);
      clearImmediate(late);
      const ms = performance.now() - began;
      if (ms >= 2 * SLOW_MS) noteSlow();
      this.#learn(endpoint, () => endpoint.noteEnd(isSlow ? ms : Math.min(ms, SLOW_MS - 1)));
    }
  }

  /** Grants permits until there is none left, or nobody who may have one. */
  #grant(): void {
    for (let endpoint = this.#next(); endpoint; endpoint = this.#next()) {
      const waiter = endpoint.waiting.shift();
      if (endpoint.waiting.length === 0) this.#waiting.delete(endpoint);
      this.#served += 1;
      endpoint.servedAt = this.#served;
      endpoint.workspace.servedAt = this.#served;
      this.#count(endpoint, 1);
      waiter?.begin();
    }
  }

  /** The endpoint for the next permit: of the speed, workspace and endpoint with the fewest. */
  #next(): EndpointState | undefined {
    const open = (['fast', 'unknown', 'slow'] as const).filter((speed) => this.#isOpen(speed));
    for (const speed of open.sort((a, b) => this.#inFlight[a] - this.#inFlight[b])) {
      let best: EndpointState | undefined;
      for (const endpoint of this.#waiting)
        if (this.#mayHaveOne(endpoint, speed) && (!best || isBefore(endpoint, best)))
          best = endpoint;
      if (best) return best;
    }
    return undefined;
  }

  #isOpen(speed: Speed): boolean {
    const { fast, unknown, slow } = this.#inFlight;
    if (fast + unknown + slow >= this.#total) return false;
    if (speed === 'fast') return true;
    if (unknown + slow >= this.#part(3 / 4)) return false;
    return speed === 'unknown' || slow < this.#part(1 / 2);
  }

  #mayHaveOne({ responses, inFlight, concurrency, workspace }: EndpointState, speed: Speed) {
    if (responses.speed !== speed || inFlight >= concurrency) return false;
    return speed === 'fast' || workspace.notFast < this.#part(1 / 4);
  }

  #part(share: number): number {
    return Math.max(1, Math.floor(this.#total * share));
  }

  /** Changes what is known of an endpoint, which may let other requests begin. */
  #learn(endpoint: EndpointState, learn: () => void): void {
    const { inFlight } = endpoint;
    this.#count(endpoint, -inFlight);
    learn();
    this.#count(endpoint, inFlight);
    this.#grant();
  }

  #count(endpoint: EndpointState, by: number): void {
    const { speed } = endpoint.responses;
    endpoint.inFlight += by;
    endpoint.workspace.inFlight += by;
    this.#inFlight[speed] += by;
    if (speed !== 'fast') endpoint.workspace.notFast += by;
  }

  #forgetOldest(): void {
    if (this.#endpoints.size < REMEMBERED) return;
    for (const { id, isIdle, workspace } of this.#endpoints.values()) {
      if (!isIdle) continue;
      this.#endpoints.delete(id);
      workspace.endpoints -= 1;
      if (workspace.endpoints === 0) this.#workspaces.delete(workspace.id);
      return;
    }
  }
}

const newWorkspace = (id: string): WorkspaceState => ({
  id,
  endpoints: 0,
  inFlight: 0,
  notFast: 0,
  slowCalls: 0,
  servedAt: 0,
});

/** Fewer requests in flight come first, then the one that was served longer ago. */
function isBefore(a: EndpointState, b: EndpointState): boolean {
  const [one, other] = a.workspace === b.workspace ? [a, b] : [a.workspace, b.workspace];
  const byLoad = one.inFlight - other.inFlight;
  return (byLoad || one.servedAt - other.servedAt) < 0;
}
