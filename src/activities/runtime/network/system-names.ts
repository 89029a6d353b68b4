import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

/** How often a file is checked for changes, in ms. */
const CHECK_EVERY_MS = 5000;

/** A system file, parsed, and read again after it has changed. A missing file counts as empty. */
export class SystemFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #changedAt: number | undefined;
  #content: T;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#content = parse('');
  }

  async read(): Promise<T> {
    if (performance.now() - this.#checkedAt < CHECK_EVERY_MS) return this.#content;
    const changedAt = await stat(this.#path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (changedAt !== this.#changedAt)
      this.#content = this.#parse(await readFile(this.#path, 'utf8').catch(() => ''));
    this.#changedAt = changedAt;
    this.#checkedAt = performance.now();
    return this.#content;
  }
}

/** The words of each line, without its comment. */
const wordsOfLines = (text: string): string[][] =>
  text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );

/** The addresses of each name in a hosts file. */
export function parseHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const [address = '', ...names] of wordsOfLines(text)) {
    if (isIP(address) === 0) continue;
    for (const name of names.map((one) => one.toLowerCase()))
      hosts.set(name, [...(hosts.get(name) ?? []), address]);
  }
  return hosts;
}

/** The rules of resolv.conf: search domains, and how many dots make a name a full one. */
export interface SearchRules {
  search: string[];
  ndots: number;
}

export function parseResolvConf(text: string): SearchRules {
  const rules: SearchRules = { search: [], ndots: 1 };
  for (const [word, ...rest] of wordsOfLines(text)) {
    if (word === 'search' || word === 'domain') rules.search = rest.slice(0, 6);
    const ndots = word === 'options' && rest.find((option) => option.startsWith('ndots:'));
    if (ndots) rules.ndots = Math.min(Number(ndots.slice(6)) || 0, 15);
  }
  return rules;
}

/** The names to ask for, in order. A name with few dots is tried in the search domains first. */
export function candidates(name: string, { search, ndots }: SearchRules): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const inDomains = search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  return name.split('.').length - 1 >= ndots ? [name, ...inDomains] : [...inDomains, name];
}
