import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { freshNamespace, type TestNamespace } from './temporal.ts';

export const OPERATOR = 'the-operators-own-key';

const knockon = fileURLToPath(new URL('../../bin/knockon.js', import.meta.url));

/** A process as its parent sees it. */
export class TestProcess {
  readonly name: string;
  /** Where it answers, if it serves; there once it is ready. */
  url = '';
  /** What it has written so far. */
  log = '';
  /** Set once it has ended. */
  ended: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  readonly #child: ChildProcess;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => (this.log += text));
    child.once('exit', (code, signal) => (this.ended = { code, signal }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Until it has said so. @throws with its log where it ends first */
  async ready(): Promise<this> {
    const message = once(this.#child, 'message').then(([said]) => said as { url?: string });
    const said = await Promise.race([message, this.exit()]);
    if ('code' in said)
      throw new Error(
        `\`knockon ${this.name}\` ended with ${JSON.stringify(said)} before it was ready:\n${this.log}`,
      );
    this.url = said.url ?? '';
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ends. */
  async exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!this.ended) await once(this.#child, 'exit');
    return this.ended!;
  }

  /** As our own death does: the channel to its parent closes. */
  leaveAlone(): void {
    this.#child.disconnect();
  }

  /** SIGTERM, and how it ended. */
  stop() {
    this.signal('SIGTERM');
    return this.exit();
  }

  /** SIGKILL: it can't finish anything. */
  kill() {
    this.signal('SIGKILL');
    return this.exit();
  }
}

/** Real `knockon` processes on a database and a Temporal namespace of their own. */
export class Deployment {
  readonly database: Database;
  /** Where its database is. */
  readonly url: string;
  readonly temporal: TestNamespace;
  readonly processes: TestProcess[] = [];
  readonly #own: TestDatabase;
  readonly #env: Record<string, string>;

  constructor(own: TestDatabase, temporal: TestNamespace, settings: Record<string, string>) {
    this.#own = own;
    this.database = own.database;
    this.url = own.url;
    this.temporal = temporal;
    this.#env = {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: own.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      TEMPORAL_UI_URL: 'http://localhost:8233',
      KNOCKON_SECRET: 'a secret of thirty-two characters',
      KNOCKON_ADMIN_KEY: OPERATOR,
      KNOCKON_PORT: '0',
      KNOCKON_DRAIN: '0s',
      KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8',
      LOG_LEVEL: 'warn',
      ...settings,
    };
  }

  static async open(settings: Record<string, string> = {}): Promise<Deployment> {
    const [own, temporal] = await Promise.all([freshDatabase(), freshNamespace()]);
    return new Deployment(own, temporal, settings);
  }

  /** Starts `knockon <command>` and waits until it is ready. */
  start(command: string, settings: Record<string, string> = {}): Promise<TestProcess> {
    return this.#fork(command, knockon, command.split(' '), settings).ready();
  }

  /** Starts a script of a test's, written in TypeScript, as `start` does. */
  startScript(path: string, settings: Record<string, string> = {}): Promise<TestProcess> {
    return this.spawnScript(path, settings).ready();
  }

  /** Starts one that may end before it is ready, as one does whose work kills it. */
  spawnScript(path: string, settings: Record<string, string> = {}): TestProcess {
    return this.#fork(path, path, [], settings, ['--import', 'tsx']);
  }

  #fork(
    name: string,
    path: string,
    args: string[],
    settings: Record<string, string>,
    execArgv: string[] = [],
  ): TestProcess {
    const env = { ...this.#env, ...settings };
    const started = new TestProcess(
      name,
      fork(path, args, { env, execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }),
    );
    this.processes.push(started);
    return started;
  }

  /** The logs of all its processes. */
  logs(): string {
    return this.processes
      .map(({ name, pid, log }) => `── knockon ${name} (${pid})\n${log.slice(-4000)}`)
      .join('\n');
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.filter((p) => !p.ended).map((p) => p.kill()));
    await this.#own.close();
  }
}

/**
 * A deployment for the tests of a file, there once they run; its processes end with them. Logs are
 * shown where a test fails.
 */
export function useDeployment(settings: () => Record<string, string> = () => ({})): {
  current: Deployment;
} {
  const holder = {} as { current: Deployment };
  // Processes take their time to start where others are busy.
  vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
  beforeAll(async () => {
    holder.current = await Deployment.open(settings());
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(holder.current.logs());
  });
  afterAll(() => holder.current?.close());
  return holder;
}
