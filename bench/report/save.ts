import { readFile, writeFile } from 'node:fs/promises';
import { picture } from './picture.ts';
import type { Results } from './results.ts';
import { tables } from './tables.ts';

const docs = (name: string) => new URL(`../../docs/internals/${name}`, import.meta.url);
const figures = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/;

/**
 * Puts the figures into docs/internals/bench.md, between its marks, and writes bench.svg and
 * bench.json beside it.
 */
export async function save(results: Results): Promise<void> {
  const text = await readFile(docs('bench.md'), 'utf8');
  if (!figures.test(text))
    throw new Error(
      'docs/internals/bench.md has lost its marks <!-- figures --> and <!-- /figures -->',
    );
  await writeFile(
    docs('bench.md'),
    text.replace(
      figures,
      (_, begin: string, end: string) => `${begin}\n${tables(results)}\n\n${end}`,
    ),
  );
  await writeFile(docs('bench.json'), `${JSON.stringify(results, null, 2)}\n`);
  if (results.visits.some(({ turns }) => turns.length > 0))
    await writeFile(docs('bench.svg'), picture(results));
}
