import { setTimeout as wait } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import type { UpFile } from '../../src/local/launcher/up-file.ts';
import { until } from './until.ts';

/** What a drill may use of the product that it runs on. */
export interface StageOptions {
  up: UpFile;
  /** The folder of the product's `knockon up`. */
  home: string;
  /** Whether it was brought up for drills, and goes with them. */
  isOwn: boolean;
  /** What the runbook's commands are run with. */
  env: NodeJS.ProcessEnv;
  /** Told of what takes long. */
  tell(line: string): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a drill reads a few fields of many answers, and fails where they are not there
export type Body = any;

/** A running product, and what is to be undone on it. */
export class Stage {
  readonly up: UpFile;
  readonly home: string;
  readonly isOwn: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: (line: string) => void;
  readonly pg: Sql;
  readonly #undo: (() => unknown)[] = [];
  #isClosed = false;

  constructor({ up, home, isOwn, env, tell }: StageOptions) {
    this.up = up;
    this.home = home;
    this.isOwn = isOwn;
    this.env = env;
    this.tell = tell;
    this.pg = postgres(up.database_url, { max: 4, onnotice: () => {}, connect_timeout: 5 });
  }

  /** Undoes something when the drill ends, however it ends; what was done last is undone first. */
  afterwards(undo: () => unknown): void {
    this.#undo.push(undo);
    // Somebody has ended the drill while it was being prepared.
    if (this.#isClosed) void this.cleanUp();
  }

  /** Undoes all of it. What can't be undone is told, and keeps nothing else from being. */
  async cleanUp(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        // What the product is at may stand in the way for a moment: locks, a restart.
        await undone(undo, 3);
      } catch (error) {
        this.tell(`could not be undone: ${error instanceof Error ? error.message : error}`);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.cleanUp();
    await this.pg.end({ timeout: 2 });
  }

  /** A call of the API, with the operator's key unless another is given. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    key = this.up.admin_key,
  ): Promise<{ status: number; body: Body }> {
    const response = await fetch(this.up.api_url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  /** The same, where only success will do. @throws with what was answered otherwise */
  async ask(method: string, path: string, body?: unknown, key?: string): Promise<Body> {
    const answer = await this.call(method, path, body, key);
    if (answer.status >= 300)
      throw new Error(
        `${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`,
      );
    return answer.body;
  }

  /** A subscriber as operators see it. */
  subscriber(name: string): Promise<Body> {
    return this.ask('GET', `/v1/ops/subscribers/${name}`);
  }

  /** Until that holds. @throws after two minutes, naming what was waited for */
  until(what: string, holds: () => Promise<boolean>): Promise<void> {
    return until(what, holds);
  }
}

async function undone(undo: () => unknown, tries: number): Promise<void> {
  try {
    await undo();
  } catch (error) {
    if (tries === 1) throw error;
    await wait(1000);
    await undone(undo, tries - 1);
  }
}
