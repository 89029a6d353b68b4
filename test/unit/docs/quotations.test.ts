import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const pages = readdirSync(new URL('docs/guides/', root)).map((name) => `docs/guides/${name}`);
const blocks = pages.flatMap((page) =>
  [...read(page).matchAll(/<!-- in: (\S+) -->\n```\w+\n([\s\S]*?)```/g)].map(
    ([, file = '', code = '']) => ({ page, file, code }),
  ),
);

it('guides quote the examples', () => {
  expect(blocks.length).toBeGreaterThan(5);
});

it.each(blocks)('$page quotes $file as it is', ({ file, code }) => {
  expect(read(file)).toContain(code);
});
