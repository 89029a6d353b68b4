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

/** @param allow CIDRs that may be reached although they are not public */
export function addressRule(allow: string[]): AddressRule {
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr));
  return (address) => {
    if (isIP(address) === 0) return false;
    const ip = reached(address);
    return isPublic(ip) || allowed.some((range) => range[0].kind() === ip.kind() && ip.match(range));
  };
}

type Address = ReturnType<typeof ipaddr.process>;

/** The address a packet ends at: the IPv4 one inside an IPv4-mapped address, or inside one that a NAT64 gateway translates. */
function reached(address: string): Address {
  const ip = ipaddr.process(address);
  return ip.kind() === 'ipv6' && ip.match(nat64) ? ipaddr.fromByteArray(ip.toByteArray().slice(12)) : ip;
}

/** IPv6 outside 2000::/3 is refused as a whole: IPv4-compatible addresses are there, which count as unicast. */
function isPublic(ip: Address): boolean {
  return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(globalUnicast));
}

/**
 * An HTTP client that decides on the address it connects to, not on the name: a name that resolves to another address the
 * second time gains nothing. It follows no redirects and knows no proxies.
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
  const what = addresses.length === 1 && addresses[0] === host ? host : `${host} (${addresses.join(', ')})`;
  return new AddressRefusedError(`${what} is not a public address, and KNOCKON_WEBHOOK_ALLOW does not have it`);
}
