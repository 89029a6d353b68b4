/** Lets so many run at once; the others wait in the order they came. */
export class Lane {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  async use<T>(run: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}

interface Widths {
  /** Requests to one endpoint. */
  endpoint: number;
  /** Requests in all. */
  all: number;
  /** Calls that wait for one endpoint. */
  calls: number;
}

interface EndpointLane {
  lane: Lane;
  calls: number;
}

/** What one worker process sends at once, whatever calls it comes from: a slow endpoint takes its own lane and no more. */
export class Lanes {
  readonly #widths: Widths;
  readonly #all: Lane;
  readonly #endpoints = new Map<string, EndpointLane>();

  constructor(widths: Widths) {
    this.#widths = widths;
    this.#all = new Lane(widths.all);
  }

  /**
   * Lets a call send to an endpoint.
   *
   * @returns undefined where so many calls wait for the endpoint already that another would only hold a worker's slot
   */
  async enter<T>(endpointId: string, serve: (send: <R>(request: () => Promise<R>) => Promise<R>) => Promise<T>): Promise<T | undefined> {
    const own = this.#endpoints.get(endpointId) ?? { lane: new Lane(this.#widths.endpoint), calls: 0 };
    if (own.calls >= this.#widths.calls) return undefined;
    own.calls += 1;
    this.#endpoints.set(endpointId, own);
    try {
      return await serve((request) => own.lane.use(() => this.#all.use(request)));
    } finally {
      own.calls -= 1;
      if (own.calls === 0) this.#endpoints.delete(endpointId);
    }
  }
}
