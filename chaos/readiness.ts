/** One question to /readyz. */
export interface Probe {
  /** When it was asked, in ms since 1970. */
  at: number;
  url: string;
  /** Null: no answer. */
  status: number | null;
  ms: number;
}

/** How often each API is asked, and how long an answer is waited for, in ms. */
const EVERY = 500;
const PATIENCE = 20_000;

/** Within so long /readyz has to answer: 2 s, and what a busy machine needs to say so. */
export const READY_WITHIN = 2500;

/**
 * Asks every API every half second whether it is ready, whatever became of the questions before.
 */
export class ReadinessWatch {
  readonly probes: Probe[] = [];
  readonly #urls: readonly string[];
  readonly #open = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const url of this.#urls) this.#ask(url);
    }, EVERY);
  }

  /** Waits for the answers that are still to come. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  /**
   * Whether all said at their last answer that they are ready. @param since ms since 1970: older
   * answers don't count
   */
  isReady(since: number): boolean {
    return this.#urls.every(
      (url) =>
        this.probes.findLast((probe) => probe.url === url && probe.at >= since)?.status === 200,
    );
  }

  #ask(url: string): void {
    const asked = this.#probe(url).finally(() => this.#open.delete(asked));
    this.#open.add(asked);
  }

  async #probe(url: string): Promise<void> {
    const at = Date.now();
    const status = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PATIENCE) })
      .then(async (response) => {
        await response.arrayBuffer();
        return response.status;
      })
      .catch(() => null);
    this.probes.push({ at, url, status, ms: Date.now() - at });
  }
}
