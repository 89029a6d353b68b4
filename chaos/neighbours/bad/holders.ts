import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import type { Bad } from './habit.ts';

const HELD_MS = 8000;

/**
 * An operator's psql that has forgotten its transaction: its channel's messages can't be stored
 * meanwhile.
 */
export const lock: Bad = {
  name: 'lock',
  does: "one channel's row is locked for 8 of every 10 s; two messages a second go there",
  async settleIn(ground) {
    const tenant = await ground.tenant();
    const hold = async (_n: number, signal: AbortSignal) => {
      const pg = postgres(ground.place.databaseUrl, {
        max: 1,
        connection: { application_name: 'psql' },
      });
      await pg.begin(async (tx) => {
        await tx`select 1 from knockon.channels where id = ${tenant.channel} for update`;
        await wait(HELD_MS, undefined, { signal }).catch(() => {});
      });
      await pg.end({ timeout: 1 });
    };
    return [
      { everyMs: HELD_MS + 2000, atOnce: 1, act: hold },
      { everyMs: 500, atOnce: 30, act: (n) => ground.post(tenant, `locked ${n}`) },
    ];
  },
};

/** Each costs a watcher, where a HEAD does what a GET does. */
export const streams: Bad = {
  name: 'streams',
  does: 'HEAD of the operators’ stream: 5 a second',
  async settleIn({ client, place: { adminKey } }) {
    return [
      {
        everyMs: 200,
        atOnce: 20,
        act: () => client.once({ method: 'HEAD', path: '/v1/ops/stream', key: adminKey }),
      },
    ];
  },
};

const SOCKETS = 300;

export const sockets: Bad = {
  name: 'sockets',
  does: `${SOCKETS} connections that send nothing; closed ones are opened again`,
  async settleIn({ place: { apiUrl } }) {
    const open = new Set<Socket>();
    const { port, hostname } = new URL(apiUrl);
    const act = async (_n: number, signal: AbortSignal) => {
      while (open.size < SOCKETS && !signal.aborted) {
        const socket = connect(Number(port), hostname);
        open.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => open.delete(socket));
        signal.addEventListener('abort', () => socket.destroy(), { once: true });
      }
    };
    return [{ everyMs: 5000, atOnce: 1, act }];
  },
};
