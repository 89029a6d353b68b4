import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { candidates, parseHosts, parseResolvConf, SystemFile } from './system-names.ts';

/** An address of a name. */
export interface Address {
  address: string;
  family: 4 | 6;
}

/** Thrown if a name has no address. */
export class NameNotResolvedError extends Error {
  override name = 'NameNotResolvedError';
  readonly code = 'ENOTFOUND';
}

export interface NameOptions {
  /** Name servers, as `address` or `address:port`. None: the machine's. */
  servers?: string[];
  /** Longest lookup of a name, in ms (default 3,000). */
  timeoutMs?: number;
  /** Default `/etc/hosts`. */
  hostsFile?: string;
  /** Default `/etc/resolv.conf`. */
  resolvConf?: string;
}

/** Names that are remembered. */
const REMEMBERED = 2000;

/** How long a name is remembered at most, in ms, and one that has no address. */
const LONGEST_MS = 5 * 60_000;
const NEGATIVE_MS = 5000;

/** How long the addresses of one family wait for those of the other, in ms. */
const OTHER_FAMILY_MS = 300;

interface Found {
  addresses: Address[];
  ttlMs: number;
}

/**
 * Looks names up by asking name servers itself. The system's call (getaddrinfo) holds one of four
 * threads until a server answers, so a dozen unresolvable names would stop all requests of the
 * process. Here a lookup is a datagram and a timer. As with getaddrinfo, the hosts file comes first
 * and resolv.conf has the search domains of short names.
 */
export class Names {
  readonly #timeoutMs: number;
  readonly #servers: string[];
  readonly #hosts: SystemFile<Map<string, string[]>>;
  readonly #rules: SystemFile<{ search: string[]; ndots: number; resolver: dns.Resolver }>;
  readonly #known = new Map<string, { until: number; answer: Promise<Address[]> }>();

  constructor({
    servers = [],
    timeoutMs = 3000,
    hostsFile = '/etc/hosts',
    resolvConf = '/etc/resolv.conf',
  }: NameOptions = {}) {
    this.#timeoutMs = timeoutMs;
    this.#servers = servers;
    this.#hosts = new SystemFile(hostsFile, parseHosts);
    this.#rules = new SystemFile(resolvConf, (text) => ({
      ...parseResolvConf(text),
      resolver: this.#resolver(),
    }));
  }

  /**
   * The addresses of a name. They are remembered for as long as its servers say, up to 5 minutes.
   * Simultaneous calls for one name share one lookup.
   *
   * @throws NameNotResolvedError if the name has no address, or none came in time. That is
   * remembered for 5 s.
   */
  resolve(name: string): Promise<Address[]> {
    const key = name.toLowerCase();
    const known = this.#known.get(key);
    if (known && known.until > performance.now()) return known.answer;
    const fresh = { until: Number.POSITIVE_INFINITY, answer: Promise.resolve<Address[]>([]) };
    const keepFor = (ms: number) => {
      fresh.until = performance.now() + ms;
    };
    fresh.answer = this.#findInTime(key).then(
      ({ addresses, ttlMs }) => {
        keepFor(Math.min(ttlMs, LONGEST_MS));
        return addresses;
      },
      (error) => {
        keepFor(NEGATIVE_MS);
        throw error;
      },
    );
    this.#remember(key, fresh);
    return fresh.answer;
  }

  #remember(key: string, fresh: { until: number; answer: Promise<Address[]> }): void {
    this.#known.delete(key);
    this.#known.set(key, fresh);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) return;
      this.#known.delete(oldest);
    }
  }

  async #findInTime(name: string): Promise<Found> {
    const ended = new AbortController();
    const late = wait(this.#timeoutMs, undefined, { signal: ended.signal, ref: false }).then(() => {
      throw new NameNotResolvedError(
        `${name}: no name server answered within ${this.#timeoutMs} ms`,
      );
    });
    try {
      return await Promise.race([this.#find(name, ended.signal), late]);
    } finally {
      late.catch(() => {});
      ended.abort();
    }
  }

  async #find(name: string, ended: AbortSignal): Promise<Found> {
    const local =
      (await this.#hosts.read()).get(name) ??
      (/(^|\.)localhost\.?$/.test(name) ? ['127.0.0.1', '::1'] : undefined);
    if (local) return { addresses: local.map(withFamily), ttlMs: NEGATIVE_MS };
    const { resolver, ...rules } = await this.#rules.read();
    let failure: unknown;
    for (const candidate of candidates(name, rules)) {
      try {
        return await ask(resolver, candidate);
      } catch (error) {
        failure = error;
        if (ended.aborted) break;
      }
    }
    throw new NameNotResolvedError(
      `${name}: ${failure instanceof Error ? failure.message : failure}`,
      { cause: failure },
    );
  }

  /** Made anew after resolv.conf has changed: it may name other servers. */
  #resolver(): dns.Resolver {
    const tries = 2;
    const resolver = new dns.Resolver({ timeout: Math.ceil(this.#timeoutMs / (tries + 1)), tries });
    if (this.#servers.length > 0) resolver.setServers(this.#servers);
    return resolver;
  }
}

/** Asks for both families. If one fails or takes long, the other is enough. */
async function ask(resolver: dns.Resolver, name: string): Promise<Found> {
  const answers = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })];
  const found: Found[] = [];
  const noted = answers.map((answer) =>
    answer.then((records) => {
      const ttlMs = 1000 * Math.min(...records.map(({ ttl }) => ttl));
      found.push({ addresses: records.map(({ address }) => withFamily(address)), ttlMs });
    }),
  );
  const both = Promise.allSettled(noted);
  await Promise.any(noted).catch(() => {});
  await Promise.race([both, wait(OTHER_FAMILY_MS, undefined, { ref: false })]);
  // Throws the first failure.
  if (found.length === 0) await Promise.all(noted);
  const addresses = found.flatMap((one) => one.addresses).sort((a, b) => a.family - b.family);
  return { addresses, ttlMs: Math.min(...found.map(({ ttlMs }) => ttlMs)) };
}

const withFamily = (address: string): Address => ({ address, family: isIP(address) === 6 ? 6 : 4 });
