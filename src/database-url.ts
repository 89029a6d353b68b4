/** One of the hosts in a database's URL. */
export interface Host {
  name: string;
  port: number;
}

/** A database's URL with several hosts, as libpq takes it: scheme and user, hosts, the rest. */
const parts = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/;

/** Whether user, password and path are percent-encoded as they must be. */
export function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a URL has nothing that a password leaves where it is not percent-encoded: a fragment, or
 * an `@` behind the host.
 */
export const isPasswordEncoded = (url: string): boolean => !/#|\/\/[^/?]*[/?].*@/s.test(url);

/**
 * Whether it is `postgres://user:password@host:5432/database`, with one host or several
 * (`@one:5432,two:5433/`).
 */
export function isDatabaseUrl(text: string): boolean {
  const [, before, hosts, rest] = parts.exec(text) ?? [];
  const each = hosts?.split(',') ?? [];
  return (
    each.length > 0 &&
    isDecodable(text) &&
    each.every(
      (host) => (host !== '' || each.length === 1) && URL.canParse(`${before}${host}${rest}`),
    )
  );
}

/** What `target_session_attrs` may ask of a host, as libpq knows it. */
export const TARGETS = 'any read-write read-only primary standby prefer-standby'.split(' ');

/** Whether a database's URL asks for hosts that libpq knows of, or for none. */
export function asksForTarget(url: string): boolean {
  const asked = new URLSearchParams(url.split('?')[1]).getAll('target_session_attrs');
  return asked.every((one) => TARGETS.includes(one));
}

/** The hosts that a database's URL names, in its order. */
export function hostsOf(url: string): Host[] {
  const hosts = parts.exec(url)?.[2]?.split(',') ?? [];
  return hosts.map((host) => {
    const { hostname, port } = new URL(`postgres://${host}/`);
    return { name: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 5432 : Number(port) };
  });
}

/** The same URL with this host alone, for what knows of one. */
export function withHost(url: string, { name, port }: Host): string {
  return url.replace(
    parts,
    (_, before, __, rest) => `${before}${name.includes(':') ? `[${name}]` : name}:${port}${rest}`,
  );
}
