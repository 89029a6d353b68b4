import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Where everything listens when nothing is in the way. */
export const usual = {
  api: 3000,
  temporal: 7233,
  temporalUi: 8233,
  postgres: 54_329,
  smtp: 1025,
  mail: 1080,
  apiHealth: 9464,
  effectsHealth: 9465,
  workflowsHealth: 9466,
};

export type Ports = typeof usual;

const spoken: Record<keyof Ports, string> = {
  api: 'the API',
  temporal: 'Temporal',
  temporalUi: "Temporal's UI",
  postgres: 'Postgres',
  smtp: 'SMTP',
  mail: 'the mail page',
  apiHealth: "the API's metrics",
  effectsHealth: "the effect worker's metrics",
  workflowsHealth: "the workflow worker's metrics",
};

/**
 * Chooses the ports: the usual ones, the next free one for each that is taken, or any free ones.
 *
 * @param wanted others than the usual ones. 0: any free one; for the API: any free ones for
 * everything
 * @param tell told of each that is another than the usual one
 */
export async function choosePorts(
  wanted: Partial<Ports>,
  tell: (line: string) => void,
): Promise<Ports> {
  const names = Object.keys(usual) as (keyof Ports)[];
  if (wanted.api === 0) {
    const free = await freePorts(names.length);
    return Object.fromEntries(names.map((name, i) => [name, free[i]])) as Ports;
  }
  const chosen: Partial<Ports> = {};
  for (const name of names) {
    const first = wanted[name] ?? usual[name];
    const port = await nextFree(first, Object.values(chosen));
    if (port !== first && first !== 0)
      tell(
        `port ${first} is taken: ${spoken[name]} ` +
          `${name.endsWith('Health') ? 'are at' : 'listens on'} ${port}`,
      );
    chosen[name] = port;
  }
  return chosen as Ports;
}

async function nextFree(first: number, chosen: number[]): Promise<number> {
  for (let port = first; first > 0 && port < Math.min(first + 100, 65_536); port += 1) {
    if (!chosen.includes(port) && (await isFree(port))) return port;
  }
  return (await freePorts(1))[0]!;
}

/** Whether nobody listens on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}

/**
 * Where systems take no ports from for connections that go out: one of those may be in use again a
 * moment later.
 */
const RANGE = { from: 15_000, to: 32_768 };

/** `count` different ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(RANGE.from, RANGE.to);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
