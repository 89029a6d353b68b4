import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector } from 'undici';
import type { Names } from './names.ts';

/** Thrown instead of connecting: the address is not a public one and nobody has allowed it. */
export class AddressRefusedError extends Error {
  override name = 'AddressRefusedError';
}

/** Whether a webhook may go to an IP address. */
export type AddressRule = (address: string) => boolean;

const nat64 = ipaddr.parseCIDR('64:ff9b::/96');
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/**
 * Public by their numbers, and answered by the cloud that a machine is in: Azure's 168.63.129.16
 * gives away its secrets.
 */
const CLOUDS = ['168.63.129.16/32'];

/** Networks, as CIDRs. */
export interface Networks {
  /** May be reached although they are not public. */
  allow: string[];
  /** May not be reached although they are public, or allowed. Default: none. */
  deny?: string[];
}

/** Decides by the address that a packet ends at. */
export function addressRule({ allow, deny = [] }: Networks): AddressRule {
  const [allowed, denied, clouds] = [networks(allow), networks(deny), networks(CLOUDS)];
  return (address) => {
    if (isIP(address) === 0) return false;
    const ip = reached(address);
    if (denied(ip)) return false;
    return allowed(ip) || (isPublic(ip) && !clouds(ip));
  };
}

type Address = ReturnType<typeof ipaddr.process>;

/** Whether an address is in one of these. */
function networks(cidrs: string[]): (ip: Address) => boolean {
  const ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  return (ip) => ranges.some((range) => range[0].kind() === ip.kind() && ip.match(range));
}

/**
 * The address a packet ends at: the IPv4 one inside an IPv4-mapped address, or inside one that a
 * NAT64 gateway translates.
 */
function reached(address: string): Address {
  const ip = ipaddr.process(address);
  return ip.kind() === 'ipv6' && ip.match(nat64)
    ? ipaddr.fromByteArray(ip.toByteArray().slice(12))
    : ip;
}

/**
 * IPv6 outside 2000::/3 is refused as a whole: IPv4-compatible addresses are there, which count as
 * unicast.
 */
function isPublic(ip: Address): boolean {
  return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(globalUnicast));
}

/**
 * An HTTP client that decides on the address it connects to, not on the name: a name that resolves
 * to another address the second time gains nothing. It follows no redirects and knows no proxies.
 */
export function guardedAgent(isAllowed: AddressRule, names: Names, timeoutMs: number): Agent {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guardedLookup(isAllowed, names) });
  return new Agent({
    connect(options, callback) {
      // A literal address is never looked up.
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !isAllowed(host)) callback(refusal(host, [host]), null);
      else connect(options, callback);
    },
  });
}

function guardedLookup(isAllowed: AddressRule, names: Names): LookupFunction {
  return (hostname, options, callback) => {
    names.resolve(hostname).then(
      (addresses) => {
        const reachable = addresses.filter(({ address }) => isAllowed(address));
        const [first] = reachable;
        const all = addresses.map(({ address }) => address);
        if (!first) callback(refusal(hostname, all), '');
        else if (options.all) callback(null, reachable);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, ''),
    );
  };
}

function refusal(host: string, addresses: string[]): AddressRefusedError {
  const what =
    addresses.length === 1 && addresses[0] === host ? host : `${host} (${addresses.join(', ')})`;
  return new AddressRefusedError(
    `${what} is a private address that KNOCKON_WEBHOOK_ALLOW does not have, or one that KNOCKON_WEBHOOK_DENY has`,
  );
}
