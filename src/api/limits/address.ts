import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.process>;

/** What @hono/node-server hands on beside the request. */
interface NodeBindings {
  incoming?: { socket?: { remoteAddress?: string } };
}

/**
 * Tells where a request comes from: an IPv4 address, or the /64 of an IPv6 one, which is what one
 * household or server has. `unknown` where there is no socket.
 *
 * @param trusted CIDRs of our own proxies: from them, the last address in X-Forwarded-For that is
 * not one of them counts
 */
export function addressReader(trusted: string[]): (c: Context) => string {
  const isProxy = within(trusted);
  return (c) => {
    const socket = peerOf(c);
    if (!socket) return 'unknown';
    return named(
      isProxy(socket) ? (forwarded(c.req.header('x-forwarded-for'), isProxy) ?? socket) : socket,
    );
  };
}

/** Who is at the other end of the connection. */
export const peerOf = (c: Context): Address | undefined =>
  parse((c.env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress ?? '');

/** Tells whether an address is in one of these CIDRs. */
export function within(cidrs: string[]): (ip: Address) => boolean {
  const ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  return (ip) => ranges.some((range) => range[0].kind() === ip.kind() && ip.match(range));
}

const parse = (text: string): Address | undefined =>
  ipaddr.isValid(text) ? ipaddr.process(text) : undefined;

/** A client can write anything at the front of the header; our proxies append to its end. */
function forwarded(
  header: string | undefined,
  isProxy: (ip: Address) => boolean,
): Address | undefined {
  for (const entry of (header ?? '').split(',').reverse()) {
    const ip = parse(entry.trim());
    if (!ip) return undefined;
    if (!isProxy(ip)) return ip;
  }
  return undefined;
}

function named(ip: Address): string {
  if (ip.kind() === 'ipv4') return ip.toString();
  const network = ip.toByteArray().fill(0, 8);
  return `${ipaddr.fromByteArray(network).toString()}/64`;
}
