import { isIP } from 'node:net';
import { type AddressRule, addressRule, type Networks } from './ssrf.ts';

/** Why this text can't be a webhook's URL, whatever its host resolves to; or null. */
export function refuseUrl(text: string, isAllowed: AddressRule): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be http: or https:';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or a password';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isAllowed(host))
    return `must not point to ${host}: webhooks may reach neither a private nor a denied address`;
  return null;
}

/**
 * Checks a URL before it is stored as an endpoint's: its scheme, credentials, and the address where
 * it is a literal one. A name is let pass here, because it may resolve to something else tomorrow;
 * it is decided on at each connection.
 *
 * @returns the reason for a refusal, or null
 */
export function isAllowedWebhookUrl(networks: Networks): (url: string) => Promise<string | null> {
  const rule = addressRule(networks);
  return (url) => Promise.resolve(refuseUrl(url, rule));
}
