import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recorded } from '../../src/local/files/processes-file.ts';
import type { Stage } from './stage.ts';

/**
 * The id of a process of the product's, by its name in processes.json. @throws where there is none
 * of that name
 */
export async function processId(stage: Stage, name: string): Promise<number> {
  const { processes } = JSON.parse(await readFile(join(stage.home, 'processes.json'), 'utf8')) as {
    processes: Recorded[];
  };
  const found = processes.find((one) => one.name === name);
  if (!found) throw new Error(`this product has no process called ${name}`);
  return found.pid;
}
