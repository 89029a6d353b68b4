import { USUAL } from '../shapes.ts';
import { whole } from './markdown.ts';
import { type Results, type Row, rowsOf } from './results.ts';

const [WIDTH, LEFT, BAR, GAP] = [860, 400, 20, 7];
const [theirs, own] = ['#8a8f98', '#1d9a6c'];

/**
 * Effects/s and requests/s in the usual shape as bars, as an SVG that reads on light and on dark
 * pages.
 */
export function picture(results: Results): string {
  const rows = rowsOf(results, results.visits, USUAL);
  const body: string[] = [];
  let y = 30;
  const chart = (title: string, pick: (row: Row) => number | null) => {
    body.push(text(16, y, title, 'font-weight="600" font-size="15"'));
    y += 14;
    const shown = rows
      .flatMap((row) => ({ row, value: pick(row) ?? 0 }))
      .filter(({ value }) => value > 0);
    const most = Math.max(...shown.map(({ value }) => value));
    for (const { row, value } of shown) {
      body.push(bar(row, value, { y, width: ((WIDTH - LEFT - 90) * value) / most }));
      y += BAR + GAP;
    }
    y += 30;
  };
  chart('Side effects a second, to the last', (row) => row.effectsPerSecond);
  chart('Requests a second', (row) => row.requestsPerSecond);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y - 10}" font-family="system-ui, sans-serif" font-size="13" fill="#6b7280" role="img" aria-label="Effects and requests per second of each contestant">
${body.join('\n')}
</svg>
`;
}

function bar(
  { contestant, title }: Row,
  value: number,
  { y, width }: { y: number; width: number },
): string {
  const colour = contestant.startsWith('knockon') ? own : theirs;
  return [
    text(16, y + 15, title),
    `<rect x="${LEFT}" y="${y}" width="${Math.max(1, width).toFixed(1)}" height="${BAR}" rx="3" fill="${colour}"/>`,
    text(LEFT + width + 8, y + 15, whole(value)),
  ].join('\n');
}

const text = (x: number, y: number, content: string, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y}" ${more}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
