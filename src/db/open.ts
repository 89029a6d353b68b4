import postgres, { type Options, type PostgresType, type Sql } from 'postgres';
import { Hosts } from './hosts.ts';
import { renamingSchema } from './own-schema.ts';
import { Sockets, type Tls } from './sockets.ts';

/**
 * A client of postgres.js that has its connections from us: to whichever host is in use, over TLS
 * where the URL says so.
 *
 * @param silentMs longest time until an answer goes on; default: without limit
 */
export function openClient(
  url: string,
  options: Options<Record<string, PostgresType>>,
  silentMs = Number.POSITIVE_INFINITY,
): { client: Sql; sockets: Sockets } {
  const sockets = new Sockets(url, silentMs, tlsOf(url));
  // The types of postgres.js don't know its option `socket`.
  const settings = { ...options, ssl: false, socket: sockets.open.bind(sockets) } as typeof options;
  return { client: renamingSchema(postgres(Hosts.of(url).url, settings) as Sql), sockets };
}

/** What the URL says about TLS, as postgres.js reads it. */
function tlsOf(url: string): Tls {
  const [, query = ''] = url.split('?');
  const asked = new URLSearchParams(query);
  const mode =
    asked.get('sslrootcert') === 'system'
      ? 'verify-full'
      : (asked.get('sslmode') ?? asked.get('ssl'));
  return mode === null || mode === 'disable' || mode === 'false' ? false : mode;
}
