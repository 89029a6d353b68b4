import { isOnPath } from '../servers/path.ts';
import { startRedis } from '../servers/redis.ts';
import { startRestate } from '../servers/restate.ts';
import { defaultTemporal, ourTemporal } from '../servers/temporal.ts';
import type { Contestant } from './contestant.ts';
import { peer } from './peer.ts';

export const floor = peer({
  name: 'naive',
  title: 'the floor: message + outbox row',
  effects: 0,
});

/** Each set up as its own documentation says; see bench/peers and docs/internals/bench.md. */
export const peers: Contestant[] = [
  peer({ name: 'inline', title: 'inline, in the handler', effects: 6, backlog: 0 }),
  peer({ name: 'pg-boss', title: 'pg-boss', effects: 6 }),
  peer({ name: 'graphile-worker', title: 'graphile-worker', effects: 6 }),
  peer({
    name: 'bullmq',
    title: 'BullMQ on Redis (AOF)',
    effects: 6,
    absent: async () =>
      (await isOnPath('redis-server')) ? undefined : 'there is no redis-server on the PATH',
    servers: startRedis,
  }),
  peer({
    name: 'dbos',
    title: 'DBOS, for latency',
    effects: 6,
    env: { POLL_MS: '10' },
  }),
  peer({
    name: 'dbos-polling',
    title: 'DBOS, polling each second',
    folder: 'dbos',
    effects: 6,
    env: { POLL_MS: '1000' },
  }),
  peer({
    name: 'restate',
    title: 'Restate',
    effects: 6,
    servers: startRestate,
  }),
  peer({
    name: 'temporal',
    title: 'Temporal, defaults',
    effects: 6,
    backlog: 1000,
    servers: defaultTemporal,
  }),
  peer({
    name: 'temporal-tuned',
    title: 'Temporal, set up as by Knock-on',
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
