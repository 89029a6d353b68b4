import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { between, type Random } from '../random.ts';

export interface Taken {
  /** The event's. */
  id: string;
  /** Of the body: the same event looks the same each time. */
  digest: string;
  type: string;
  /** Times it was answered 200. */
  taken: number;
  /** When it came, each time, in ms since 1970. */
  cameAt: number[];
}

/** How an endpoint answers: 200, 500, or not at all. */
export type ResponseMode = 'takes' | 'refuses' | 'hangs';

/** One endpoint, as its owner sees it. */
export class Hook {
  readonly workspaceId: string;
  readonly types: string[];
  readonly url: string;
  readonly events = new Map<string, Taken>();
  #webhook: Webhook | undefined;

  constructor(workspaceId: string, types: string[], url: string) {
    this.workspaceId = workspaceId;
    this.types = types;
    this.url = url;
  }

  verifyWith(secret: string): void {
    this.#webhook = new Webhook(secret);
  }

  /** Writes down that an event came. @throws where it is not signed, or not what it was before */
  arrived(body: string, headers: Record<string, string>): Taken {
    const event = this.#webhook!.verify(body, headers) as {
      id: string;
      type: string;
      workspace_id: string;
    };
    const digest = createHash('sha256').update(body).digest('hex');
    const known = this.events.get(event.id) ?? {
      id: event.id,
      digest,
      type: event.type,
      taken: 0,
      cameAt: [],
    };
    if (headers['webhook-id'] !== event.id)
      throw new Error(`event ${event.id} came under webhook-id ${headers['webhook-id']}`);
    if (known.digest !== digest)
      throw new Error(`event ${event.id} came with another body than before`);
    if (event.workspace_id !== this.workspaceId)
      throw new Error(`event ${event.id} is of another workspace`);
    if (!this.types.includes('*') && !this.types.includes(event.type))
      throw new Error(`event ${event.id} is a ${event.type}, which is not wanted`);
    known.cameAt.push(Date.now());
    this.events.set(event.id, known);
    return known;
  }
}

/** How often it answers 500, and how often it answers nothing at all. */
const REFUSES = 0.03;
const HANGS = 0.005;

/** Hung requests are let go after so long, in ms: longer than anybody waits for them. */
const HANG = 15_000;

/**
 * The customers' side: a real HTTP server that verifies what it gets, and does not always behave.
 */
export class Receiver {
  readonly hooks: Hook[] = [];
  readonly wrong: string[] = [];
  readonly #random: Random;
  readonly #mood: (event: Taken) => ResponseMode;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  private constructor(random: Random, mood: (event: Taken) => ResponseMode) {
    this.#random = random;
    this.#mood = mood;
  }

  /**
   * @param mood how an event is answered that has just come (default: now and then not with 200)
   */
  static async start(
    random: Random,
    mood: (event: Taken) => ResponseMode = () => moodFrom(random),
  ): Promise<Receiver> {
    const receiver = new Receiver(random, mood);
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  /** A new endpoint's URL; what comes there is written down in it. */
  open(workspaceId: string, types: string[]): Hook {
    const { port } = this.#server.address() as AddressInfo;
    const hook = new Hook(
      workspaceId,
      types,
      `http://127.0.0.1:${port}/hooks/${this.hooks.length}`,
    );
    this.hooks.push(hook);
    return hook;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      let body = '';
      for await (const chunk of request) body += chunk;
      const hook = this.hooks[Number(request.url?.split('/').at(-1))];
      if (!hook) throw new Error(`nobody has an endpoint ${request.url}`);
      this.#answer(response, hook.arrived(body, request.headers as Record<string, string>));
    } catch (error) {
      // Whoever is killed in the middle of sending has sent nothing.
      if (!request.complete) return;
      this.wrong.push(error instanceof Error ? error.message : String(error));
      response.writeHead(400).end();
    }
  }

  #answer(response: ServerResponse, event: Taken): void {
    const mood = this.#mood(event);
    if (mood === 'hangs')
      return void setTimeout(
        () => response.destroy(),
        between(this.#random, HANG / 2, HANG),
      ).unref();
    if (mood === 'refuses') return void response.writeHead(500).end('not now');
    event.taken += 1;
    response.end();
  }
}

function moodFrom(random: Random): ResponseMode {
  const dice = random();
  if (dice < HANGS) return 'hangs';
  return dice < HANGS + REFUSES ? 'refuses' : 'takes';
}
