import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

/** How often it is looked whether a file has changed, in ms. */
const LOOK_EVERY_MS = 5000;

/**
 * What a file of the system says, read again once it has changed. A file that is not there says
 * nothing.
 */
export class SystemFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #changedAt: number | undefined;
  #said: T;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#said = parse('');
  }

  async read(): Promise<T> {
    if (performance.now() - this.#lookedAt < LOOK_EVERY_MS) return this.#said;
    const changedAt = await stat(this.#path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (changedAt !== this.#changedAt)
      this.#said = this.#parse(await readFile(this.#path, 'utf8').catch(() => ''));
    this.#changedAt = changedAt;
    this.#lookedAt = performance.now();
    return this.#said;
  }
}

const lines = (text: string) =>
  text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );

/** The addresses of each name in a hosts file. */
export function parseHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const [address = '', ...names] of lines(text)) {
    if (isIP(address) === 0) continue;
    for (const name of names)
      hosts.set(name.toLowerCase(), [...(hosts.get(name.toLowerCase()) ?? []), address]);
  }
  return hosts;
}

/**
 * What resolv.conf says beside the servers: where short names are looked for, and how many dots
 * make a name long.
 */
export interface SearchRules {
  search: string[];
  ndots: number;
}

export function parseResolvConf(text: string): SearchRules {
  const rules: SearchRules = { search: [], ndots: 1 };
  for (const [word, ...rest] of lines(text)) {
    if (word === 'search' || word === 'domain') rules.search = rest.slice(0, 6);
    const ndots = word === 'options' && rest.find((option) => option.startsWith('ndots:'));
    if (ndots) rules.ndots = Math.min(Number(ndots.slice(6)) || 0, 15);
  }
  return rules;
}

/**
 * The names that are asked for a name, in their order: one with few dots is looked for in the
 * search domains first.
 */
export function candidates(name: string, { search, ndots }: SearchRules): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const within = search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  return name.split('.').length - 1 >= ndots ? [name, ...within] : [...within, name];
}
