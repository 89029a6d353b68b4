import { setTimeout as wait } from 'node:timers/promises';
import { knockonAll } from './contestants/knockon.ts';
import { load } from './load.ts';
import { CONNECTIONS } from './options.ts';
import { memoryOf, type Process } from './processes.ts';
import type { Product } from './product.ts';

/** MB by part, and all together, at rest after so many messages. */
export interface MemoryAt {
  messages: number;
  pss: number;
  rss: number;
  /** PSS. */
  parts: Record<string, number>;
}

/** How long everything is left alone before it is looked at, in ms: collections and idle connections come to their end. */
const REST = 35_000;

/** Memory of everything `npm start` runs: at rest before, half-way through and after `messages` messages. */
export async function measureMemory(product: Product, messages: number, tell: (line: string) => void): Promise<MemoryAt[]> {
  const entrant = await knockonAll.enter(product);
  const requests = await entrant.requests(1000);
  const seen: MemoryAt[] = [];
  const look = async (posted: number) => {
    await wait(REST);
    const now = await lookAt(product, posted);
    seen.push(now);
    tell(`${posted} messages: ${Math.round(now.pss)} MB`);
  };
  await look(0);
  for (const posted of [messages / 2, messages]) {
    const watch = await entrant.watch();
    const { requests: sent } = await load(entrant.url, requests, { connections: CONNECTIONS, amount: messages / 2, seconds: 600 });
    await watch.settled(sent);
    await look(posted);
  }
  return seen;
}

async function lookAt(product: Product, messages: number): Promise<MemoryAt> {
  const at: MemoryAt = { messages, pss: 0, rss: 0, parts: {} };
  for (const process of await product.processes()) {
    const { pss, rss } = await memoryOf(process);
    const part = partOf(process);
    at.pss += pss;
    at.rss += rss;
    at.parts[part] = (at.parts[part] ?? 0) + pss;
  }
  return at;
}

function partOf({ command }: Process): string {
  if (/postgres/.test(command)) return 'Postgres';
  if (/server start-dev/.test(command)) return 'Temporal';
  return /(?:main|knockon)\.js (worker \w+|\w+)/.exec(command)?.[1] ?? 'other';
}
