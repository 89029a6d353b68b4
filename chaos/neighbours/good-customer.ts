import { setTimeout as wait } from 'node:timers/promises';
import type { Call, Client } from '../traffic/client.ts';
import type { Journal } from '../traffic/journal.ts';
import { post } from '../traffic/post.ts';
import type { AnsweredCall, ResponseTimes } from '../traffic/response-times.ts';
import { people, type Workspace } from '../traffic/workspace.ts';
import { Phase, type What } from './phase.ts';
import type { Credentials } from './set-up-good-customer.ts';

/** How often it does what, in ms. */
const EVERY: Record<What, number> = {
  post: 125,
  search: 1000,
  read: 500,
  operator: 2000,
  session: 3000,
  'fresh key': 3000,
  'sign-in': 10_000,
};

/** Most calls that may be without an answer at once: beyond that it makes no more. */
const AT_ONCE = 400;

/** Longest that calls are waited for at the end of a phase, in ms. */
const LAST = 35_000;

export interface GoodOptions {
  client: Client;
  journal: Journal;
  promptness: ResponseTimes;
  workspace: Workspace;
  credentials: Credentials;
}

/** A customer that works at a steady pace, whatever becomes of the calls before. */
export class GoodCustomer {
  readonly #with: GoodOptions;
  #phase: Phase | undefined;
  readonly #open = new Set<Promise<unknown>>();
  #count = 0;

  constructor(options: GoodOptions) {
    this.#with = options;
  }

  /** To be told of each of its calls. */
  readonly see = (seen: AnsweredCall): void => {
    this.#with.promptness.see(seen);
    if (seen.call.what) this.#phase?.seen.push(seen);
  };

  /** Works for so long, then waits for the answers that are still to come. */
  async work(name: string, forMs: number): Promise<Phase> {
    const phase = new Phase(name);
    this.#phase = phase;
    phase.began = Date.now();
    const timers = (Object.keys(EVERY) as What[]).map((what) =>
      setInterval(() => this.#do(what, phase), EVERY[what]),
    );
    await wait(forMs);
    for (const timer of timers) clearInterval(timer);
    await Promise.race([Promise.all(this.#open), wait(LAST, undefined, { ref: false })]);
    phase.ended = Date.now();
    return phase;
  }

  /** Whether calls are still without an answer that counts. */
  get isWaiting(): boolean {
    return this.#open.size > 0;
  }

  #do(what: What, phase: Phase): void {
    if (this.#open.size >= AT_ONCE) {
      phase.leftOut += 1;
      return;
    }
    const n = this.#count++;
    const doing: Promise<unknown> = (what === 'post' ? this.#post(n, phase) : this.#call(what, n))
      .catch(() => {})
      .finally(() => this.#open.delete(doing));
    this.#open.add(doing);
  }

  async #post(n: number, phase: Phase): Promise<void> {
    const { client, journal, workspace } = this.#with;
    const [channel_id, author, word] = [
      workspace.channels[n % workspace.channels.length]!,
      people[n % people.length]!,
      `good${n}`,
    ];
    const text = `${word} is at work beside others`;
    const message = await post(
      { client, journal },
      { workspace, channel_id, author, text, word, what: 'post' },
    );
    if (message) phase.answered.set(message.event_id, Date.now());
  }

  async #call(what: Exclude<What, 'post'>, n: number): Promise<void> {
    const call = this.#calls(n)[what];
    await this.#with.client.once({ method: 'GET', key: this.#with.workspace.key, ...call, what });
  }

  #calls(n: number): Record<Exclude<What, 'post'>, Partial<Call> & { path: string }> {
    const { journal, workspace, credentials } = this.#with;
    const { messages } = journal;
    const old = messages[(n * 31) % Math.max(1, messages.length)];
    const channel = workspace.channels[n % workspace.channels.length]!;
    const reads = [
      `/v1/channels/${channel}/messages`,
      `/v1/channels/${channel}/summary`,
      ...(old ? [`/v1/messages/${old.id}/effects`] : []),
    ];
    return {
      search: { path: `/v1/search?q=${old?.word ?? 'good'}` },
      read: { path: reads[n % reads.length]! },
      // Each is used once: this process has not seen it before.
      'fresh key': { path: '/v1/channels', key: credentials.freshKeys.pop() ?? workspace.key },
      operator: { path: '/v1/ops/subscribers', key: credentials.adminKey },
      session: {
        path: '/v1/ops/session',
        key: '',
        headers: { cookie: credentials.cookie, 'knockon-console': '1' },
      },
      'sign-in': {
        method: 'POST',
        path: '/console/session',
        key: '',
        headers: { 'knockon-console': '1' },
        body: { key: credentials.adminKey },
      },
    };
  }
}
