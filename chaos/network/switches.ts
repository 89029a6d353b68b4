import postgres, { type Sql } from 'postgres';
import type { FaultKind } from './fault-plan.ts';
import type { TcpProxy } from './tcp-proxy.ts';

/** Begins and ends troubles. */
export interface Switches {
  begin(kind: FaultKind): Promise<void>;
  end(kind: FaultKind): Promise<void>;
  close(): Promise<void>;
}

/** What our own connections are called: they are never among those that are ended. */
export const OURS = 'chaos';

interface Hands {
  proxy: TcpProxy;
  /** Of the database `postgres`, past the proxy. */
  adminUrl: string;
  /** Stops all processes of Postgres, or lets them go on. */
  stopPostgres(): Promise<void>;
  continuePostgres(): Promise<void>;
}

/** @param hands what the troubles are made with */
export function switchesOf({ proxy, adminUrl, stopPostgres, continuePostgres }: Hands): Switches {
  // Whatever the server is told, this one may write.
  const pg = postgres(adminUrl, {
    max: 1,
    connection: { application_name: OURS, default_transaction_read_only: false },
  });
  const clear = () => proxy.set('clear');
  const all: Record<FaultKind, { begin(): unknown; end(): unknown }> = {
    frozen: { begin: () => proxy.set('frozen'), end: clear },
    dropped: { begin: () => proxy.set('dropped'), end: clear },
    forgotten: { begin: () => proxy.set('forgotten'), end: clear },
    reset: { begin: () => proxy.set('reset'), end: clear },
    'read-only': { begin: () => readOnly(pg), end: () => writable(pg) },
    failover: {
      begin: () => failOver(pg),
      end: () => pg`alter database knockon reset default_transaction_read_only`,
    },
    stopped: { begin: stopPostgres, end: continuePostgres },
  };
  return {
    begin: async (kind) => void (await all[kind].begin()),
    end: async (kind) => void (await all[kind].end()),
    close: () => pg.end({ timeout: 2 }),
  };
}

/** Sessions that are open are read-only too. */
async function readOnly(pg: Sql): Promise<void> {
  await pg`alter system set default_transaction_read_only = on`;
  await pg`select pg_reload_conf()`;
}

async function writable(pg: Sql): Promise<void> {
  await pg`alter system reset default_transaction_read_only`;
  await pg`select pg_reload_conf()`;
}

/**
 * All sessions end. Those that are opened from now on are read-only, and stay so after the others
 * may write again.
 */
async function failOver(pg: Sql): Promise<void> {
  await pg`alter database knockon set default_transaction_read_only = on`;
  await pg`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = 'knockon' and backend_type = 'client backend' and application_name <> ${OURS}`;
}
