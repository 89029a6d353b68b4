import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Thrown instead of connecting: the address is neither public nor allowed. */
export class AddressRefusedError extends Error {
  override name = 'AddressRefusedError';
}

/** Whether a webhook may go to an IP address. */
export type AddressRule = (address: string) => boolean;

const nat64 = ipaddr.parseCIDR('64:ff9b::/96');
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Public addresses that a cloud answers itself. Azure's gives away the machine's secrets. */
const CLOUDS = ['168.63.129.16/32'];

/** Networks, as CIDRs. */
export interface Networks {
  /** May be reached although they are not public. */
  allow: string[];
  /** May not be reached although they are public or allowed. Default: none. */
  deny?: string[];
}

/** Decides by the address at which a packet ends. */
export function addressRule({ allow, deny = [] }: Networks): AddressRule {
  const [allowed, denied, clouds] = [networks(allow), networks(deny), networks(CLOUDS)];
  return (address) => {
    if (isIP(address) === 0) return false;
    const ip = destination(address);
    if (denied(ip)) return false;
    return allowed(ip) || (isPublic(ip) && !clouds(ip));
  };
}

type Address = ReturnType<typeof ipaddr.process>;

function networks(cidrs: string[]): (ip: Address) => boolean {
  const ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  return (ip) => ranges.some((range) => range[0].kind() === ip.kind() && ip.match(range));
}

/** Unwraps the IPv4 address of an IPv4-mapped one, and of one that a NAT64 gateway translates. */
function destination(address: string): Address {
  const ip = ipaddr.process(address);
  const isTranslated = ip.kind() === 'ipv6' && ip.match(nat64);
  return isTranslated ? ipaddr.fromByteArray(ip.toByteArray().slice(12)) : ip;
}

/** IPv6 must be in 2000::/3: outside it are IPv4-compatible addresses, which count as unicast. */
function isPublic(ip: Address): boolean {
  return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(globalUnicast));
}

/** Why a text can't be a webhook's URL, whatever its host resolves to. Null if it can. */
export function refuseUrl(text: string, isAllowed: AddressRule): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be http: or https:';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or a password';
  const host = hostOf(url.hostname);
  if (isIP(host) !== 0 && !isAllowed(host))
    return `must not point to ${host}: webhooks may reach neither a private nor a denied address`;
  return null;
}

/**
 * Checks a URL before it is stored: its scheme, its credentials, and its address if that is a
 * literal one. A name passes here because it may resolve to another address tomorrow. Each
 * connection checks it.
 *
 * @returns the reason for a refusal, or null
 */
export function isAllowedWebhookUrl(networks: Networks): (url: string) => Promise<string | null> {
  const rule = addressRule(networks);
  return (url) => Promise.resolve(refuseUrl(url, rule));
}

/** Without the brackets of an IPv6 address. */
export const hostOf = (hostname: string) => hostname.replace(/^\[|\]$/g, '');
