// A service of somebody else's that takes events over HTTP, and does not always behave. It writes
// each event down before it answers for it.

import { createServer, type IncomingMessage } from 'node:http';
import { connectDatabase } from '../../src/db/client.ts';
import { type Posting, writePostings } from './postings.ts';

interface TakenCall {
  subscriber: string;
  events: Posting[];
}

interface NotDone {
  event_id: string;
  state: 'retry' | 'later';
  after_ms: number;
}

/** How often it answers 500 before its work, and how often after it. */
const REFUSES = 0.02;
const FORGETS = 0.02;

/** How often it puts a single event off, by either state. */
const NOT_NOW = 0.02;

const { pg } = connectDatabase(process.env.DATABASE_URL ?? '', { name: 'http service' });

const server = createServer((request, response) => {
  take(request)
    .then((results) => response.end(JSON.stringify({ results })))
    .catch(() => response.writeHead(500).end('not now'));
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));

async function take(request: IncomingMessage): Promise<NotDone[]> {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { subscriber, events } = JSON.parse(body) as TakenCall;
  const dice = Math.random();
  if (dice < REFUSES) throw new Error('not now');
  const open = events.flatMap(({ id }) => notNow(id) ?? []);
  const done = events.filter(({ id }) => open.every(({ event_id }) => event_id !== id));
  await writePostings(pg, subscriber, done);
  if (dice > 1 - FORGETS) throw new Error('forgotten');
  return open;
}

function notNow(event_id: string): NotDone | undefined {
  const dice = Math.random();
  if (dice < NOT_NOW) return { event_id, state: 'retry', after_ms: 100 };
  return dice < 2 * NOT_NOW ? { event_id, state: 'later', after_ms: 300 } : undefined;
}
