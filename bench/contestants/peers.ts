import { isOnPath } from '../servers/path.ts';
import { startRedis } from '../servers/redis.ts';
import { startRestate } from '../servers/restate.ts';
import { defaultTemporal, ourTemporal } from '../servers/temporal.ts';
import type { Contestant } from './contestant.ts';
import { peer } from './peer.ts';

export const floor = peer({
  name: 'naive',
  title: 'message + outbox row only (the floor)',
  effects: 0,
});

/** Each set up as its own documentation says; see bench/peers and docs/bench.md. */
export const peers: Contestant[] = [
  peer({ name: 'inline', title: 'effects inline in the handler', effects: 6, backlog: 0 }),
  peer({ name: 'pg-boss', title: 'pg-boss, in the transaction', effects: 6 }),
  peer({ name: 'graphile-worker', title: 'graphile-worker, in the transaction', effects: 6 }),
  peer({
    name: 'bullmq',
    title: 'BullMQ on Redis (AOF), after commit',
    effects: 6,
    absent: async () =>
      (await isOnPath('redis-server')) ? undefined : 'there is no redis-server on the PATH',
    servers: startRedis,
  }),
  peer({
    name: 'dbos',
    title: 'DBOS, a workflow of six steps, in the transaction, for latency',
    effects: 6,
    env: { POLL_MS: '10' },
  }),
  peer({
    name: 'dbos-polling',
    title: 'the same, polling each second',
    folder: 'dbos',
    effects: 6,
    env: { POLL_MS: '1000' },
  }),
  peer({
    name: 'restate',
    title: 'Restate, a handler with six runs, after commit',
    effects: 6,
    servers: startRestate,
  }),
  peer({
    name: 'temporal',
    title: 'Temporal, a workflow a message, defaults',
    effects: 6,
    backlog: 1000,
    servers: defaultTemporal,
  }),
  peer({
    name: 'temporal-tuned',
    title: 'the same, with the server settings of Knock-on',
    folder: 'temporal',
    effects: 6,
    backlog: 1000,
    servers: ourTemporal,
  }),
];

const ORDERED = { ORDERED: '1' };

/** One after the other within a channel. */
export const orderedPeers: Contestant[] = [
  peer({
    name: 'dbos-ordered',
    title: 'DBOS, a partition a channel',
    folder: 'dbos',
    effects: 6,
    env: { ...ORDERED, POLL_MS: '10' },
  }),
  peer({
    name: 'restate-ordered',
    title: 'Restate, a virtual object a channel',
    folder: 'restate',
    effects: 6,
    env: ORDERED,
    servers: startRestate,
  }),
];
