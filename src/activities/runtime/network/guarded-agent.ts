import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { Names } from './names.ts';
import { AddressRefusedError, type AddressRule, hostOf } from './ssrf.ts';

/**
 * An HTTP client that checks the address it connects to, not the name. So a name that resolves to
 * another address the second time gains nothing. It follows no redirects and uses no proxies.
 */
export function guardedAgent(isAllowed: AddressRule, names: Names, timeoutMs: number): Agent {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guardedLookup(isAllowed, names) });
  return new Agent({
    connect(options, callback) {
      // A literal address is never looked up.
      const host = hostOf(options.hostname);
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
  const isLiteral = addresses.length === 1 && addresses[0] === host;
  const what = isLiteral ? host : `${host} (${addresses.join(', ')})`;
  return new AddressRefusedError(
    `${what} is a private address that KNOCKON_WEBHOOK_ALLOW does not have, ` +
      'or one that KNOCKON_WEBHOOK_DENY has',
  );
}
