import { setTimeout as wait } from 'node:timers/promises';
import { memoryOf, type Process, processesOfBench } from '../processes.ts';

/** MB (PSS) of all processes a contestant needs, Postgres included, and by part. */
export interface Memory {
  all: number;
  parts: Record<string, number>;
}

/** At rest for so many seconds: collections and idle connections come to their end. */
export async function measureMemory(rest: number): Promise<Memory> {
  await wait(rest * 1000);
  return await lookAtMemory();
}

export async function lookAtMemory(): Promise<Memory> {
  const parts: Record<string, number> = {};
  for (const process of await processesOfBench()) {
    const part = partOf(process);
    parts[part] = (parts[part] ?? 0) + (await memoryOf([process]));
  }
  return { all: Object.values(parts).reduce((sum, mb) => sum + mb, 0), parts };
}

function partOf({ command }: Process): string {
  if (/postgres/.test(command)) return 'Postgres';
  if (/server start-dev/.test(command)) return 'Temporal';
  if (/redis-server/.test(command)) return 'Redis';
  if (/restate-server/.test(command)) return 'Restate';
  return (
    /knockon\.js (worker \w+|\w+)/.exec(command)?.[1] ??
    /\/(api|worker)\.js/.exec(command)?.[1] ??
    'other'
  );
}
