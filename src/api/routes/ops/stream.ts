import { z } from '@hono/zod-openapi';
import type { Live, Told } from '../../../ops/status/live.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { Problem } from '../../problem.ts';
import { declareRoute, router } from '../../router.ts';

const stream = declareRoute('GET /v1/ops/stream', 'streamSamples', {
  summary: 'Rates, backlogs and lag as they change, as server-sent events',
  description:
    'Begins with the event `recent`: a list of samples, oldest first, as far as somebody has ' +
    'been looking in the last five minutes. Then a ' +
    '`sample` about every two seconds: `{at, messages_per_second, undispatched_seconds, ' +
    'subscribers: [{name, state, rate, error_rate, ' +
    'backlog, backlog_age_seconds, workers, dead_letters}]}`, or `trouble`: `{detail}` where ' +
    'that can not be found out just now. Ends after ' +
    'five minutes with the event `renew`: ask again. An operator has 10 at most (429), a process ' +
    '200 (503).',
  responses: {
    200: {
      description: 'A stream without end.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
  },
});

/**
 * How often something is said, so that proxies keep the connection, and it is asked whether who
 * listens still may; in ms.
 */
const HEARTBEAT = 10_000;
/** After how long a browser comes again whose connection was lost, in ms. */
const RETRY = 1000;
/**
 * A listener that is so many messages behind gets none until it has caught up: the next sample says
 * it all.
 */
const BEHIND = 16;
/** Heartbeats that a listener may be behind before it is cut off. */
const PATIENCE = 3;
/**
 * How long a stream lasts, in ms: a client whose machine is gone can't be told from a quiet one.
 * Who listens comes again.
 */
const LASTS = 5 * 60_000;
/** Streams an operator has at once, and a process. */
const [EACH, ALL] = [10, 200];

const message = (event: string, data: unknown) =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** What is live. */
export const streamRoutes = ({ live }: ApiDependencies) => {
  const take = places();
  return router().openapi(stream, (c) => {
    if (!live)
      throw new Problem(503, 'This process shows nothing live.', {
        headers: { 'retry-after': '30' },
      });
    const headers = {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    };
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const release = take(c.get('workspaceId'));
    const { outgoing } = (c.env ?? {}) as { outgoing?: { destroy(): void } };
    const listener = { mayStay: c.get('stillThere'), cutOff: () => outgoing?.destroy(), release };
    return c.body(streamOf(live, listener), 200, headers);
  });
};

/**
 * @returns takes a place for an operator. @throws Problem 429 where it has too many, 503 where all
 * have
 */
function places(): (operator: string) => () => void {
  const taken = new Map<string, number>();
  let all = 0;
  const wait = { headers: { 'retry-after': '10' } };
  return (operator) => {
    const own = taken.get(operator) ?? 0;
    if (own >= EACH)
      throw new Problem(429, `You have ${EACH} streams open, which is the most: close one.`, {
        type: 'streams',
        ...wait,
      });
    if (all >= ALL)
      throw new Problem(503, `This process has ${ALL} streams open, which is the most.`, {
        type: 'streams',
        ...wait,
      });
    all += 1;
    taken.set(operator, own + 1);
    return () => {
      all -= 1;
      const left = (taken.get(operator) ?? 1) - 1;
      if (left > 0) taken.set(operator, left);
      else taken.delete(operator);
    };
  };
}

/** Who listens. */
interface Listener {
  mayStay(): Promise<boolean>;
  /** Ends its connection at once. */
  cutOff(): void;
  /** Called once, when the stream has ended. */
  release(): void;
}

const streamOf = (live: Pick<Live, 'watch'>, listener: Listener): ReadableStream<Uint8Array> =>
  new ReadableStream(new LiveSource(live, listener), { highWaterMark: BEHIND });

/** What a stream says, from `start` until it ends by itself or its listener leaves. */
class LiveSource {
  readonly #live: Pick<Live, 'watch'>;
  readonly #listener: Listener;
  readonly #text = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #lasts: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #stopWatching = () => {};
  #isOver = false;
  #isAsking = false;
  /** Heartbeats in a row at which the listener was behind. */
  #behind = 0;

  constructor(live: Pick<Live, 'watch'>, listener: Listener) {
    this.#live = live;
    this.#listener = listener;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#say(`retry: ${RETRY}\n\n`);
    this.#lasts = setTimeout(() => this.#renew(), LASTS);
    this.#beat = setInterval(() => this.#heartbeat(), HEARTBEAT);
    const { recent, stop } = this.#live.watch((told) => this.#tell(told));
    this.#stopWatching = stop;
    if (this.#isOver) stop();
    this.#say(message('recent', recent));
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#beat);
    clearTimeout(this.#lasts);
    this.#stopWatching();
    this.#listener.release();
  }

  #end(): void {
    if (this.#isOver) return;
    this.cancel();
    this.#controller?.close();
  }

  #isBehind(): boolean {
    return (this.#controller?.desiredSize ?? 0) <= 0;
  }

  #say(line: string): void {
    if (!this.#isOver && !this.#isBehind()) this.#controller?.enqueue(this.#text.encode(line));
  }

  #tell(told: Told): void {
    if ('end' in told) this.#end();
    else if ('sample' in told) this.#say(message('sample', told.sample));
    else this.#say(message('trouble', { detail: told.trouble }));
  }

  #renew(): void {
    this.#say(message('renew', {}));
    this.#end();
  }

  #heartbeat(): void {
    this.#behind = this.#isBehind() ? this.#behind + 1 : 0;
    if (this.#behind >= PATIENCE) {
      this.#end();
      this.#listener.cutOff();
    }
    this.#say(': still here\n\n');
    void this.#endUnlessAllowed();
  }

  async #endUnlessAllowed(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    // While that can't be found out, the stream goes on and says so itself.
    const may = await this.#listener.mayStay().catch(() => true);
    this.#isAsking = false;
    if (!may) this.#end();
  }
}
