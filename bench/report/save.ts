import { readFile, writeFile } from 'node:fs/promises';
import { picture } from './picture.ts';
import type { Results } from './results.ts';
import { tables } from './tables.ts';

const [page, drawing] = [new URL('../../docs/bench.md', import.meta.url), new URL('../../docs/bench.svg', import.meta.url)];
const figures = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/;

/** Puts the figures into docs/bench.md, between its marks, and draws docs/bench.svg. */
export async function save(results: Results): Promise<void> {
  const text = await readFile(page, 'utf8');
  if (!figures.test(text)) throw new Error('docs/bench.md has lost its marks <!-- figures --> and <!-- /figures -->');
  await writeFile(
    page,
    text.replace(figures, (_, begin: string, end: string) => `${begin}\n${tables(results)}\n\n${end}`),
  );
  if (results.load) await writeFile(drawing, picture(results.load));
}
