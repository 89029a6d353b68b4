import type { TestProject } from 'vitest/node';
import { openRun, type TestRun } from './run.ts';

/** A server that is there for the whole run, and what tests get to know of it. */
interface Shared<T> {
  known: T;
  stop(): Promise<void>;
}

interface Held {
  run: Promise<TestRun>;
  servers: Map<string, Promise<Shared<unknown>>>;
  users: number;
}

/** Each project loads these modules for itself, so what they share hangs on the process. */
const holder = globalThis as unknown as { knockonTestServers?: Held };

/**
 * Starts a server once for all projects that ask for it. The last project that is torn down stops
 * them all.
 *
 * @param provide tells the tests of one project
 * @returns the project's teardown
 */
export async function share<T>(
  project: TestProject,
  name: string,
  start: (run: TestRun) => Promise<Shared<T>>,
  provide: (known: T, project: TestProject) => void,
): Promise<() => Promise<void>> {
  holder.knockonTestServers ??= { run: openRun('test'), servers: new Map(), users: 0 };
  const held = holder.knockonTestServers;
  held.users += 1;
  const run = await held.run;
  const started = (held.servers.get(name) ?? start(run)) as Promise<Shared<T>>;
  held.servers.set(name, started);
  provide((await started).known, project);
  return () => release(held);
}

async function release(held: Held): Promise<void> {
  held.users -= 1;
  if (held.users > 0) return;
  delete holder.knockonTestServers;
  const servers = await Promise.all(held.servers.values());
  await Promise.all(servers.map((server) => server.stop()));
  await (await held.run).close();
}
