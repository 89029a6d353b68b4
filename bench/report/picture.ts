import type { Row } from './results.ts';

const [WIDTH, LEFT, BAR, GAP] = [760, 250, 22, 8];
const colours = ['#8a8f98', '#2f6fde', '#1d9a6c', '#b7791f', '#8b5cf6', '#c2410c', '#0e7490'];

/** Requests/s as bars, a group a shape, as an SVG that reads on light and on dark pages. */
export function picture(rows: Row[]): string {
  const most = Math.max(...rows.map((row) => row.requests_per_second));
  const shapes = [...new Set(rows.map((row) => row.channels))];
  const body: string[] = [];
  let y = 40;
  for (const shape of shapes) {
    body.push(text(16, y, `${shape.toLocaleString('en')} ${shape === 1 ? 'channel' : 'channels'}`, 'font-weight="600"'));
    y += 12;
    for (const [i, row] of rows.filter((r) => r.channels === shape).entries()) {
      body.push(bar(row, y, ((WIDTH - LEFT - 170) * row.requests_per_second) / most, colours[i % colours.length]!));
      y += BAR + GAP;
    }
    y += 28;
  }
  const title = text(16, 20, 'Requests/s at 32 connections, one machine, in turns', 'font-weight="600" font-size="15"');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="13" fill="#6b7280" role="img" aria-label="Requests per second of each contestant">
${[title, ...body].join('\n')}
</svg>
`;
}

function bar(row: Row, y: number, width: number, colour: string): string {
  const effects = row.effects_per_second === null ? '' : `, ${whole(row.effects_per_second)} effects/s`;
  return [
    text(16, y + 15, row.title),
    `<rect x="${LEFT}" y="${y}" width="${Math.max(1, width).toFixed(1)}" height="${BAR}" rx="3" fill="${colour}"/>`,
    text(LEFT + width + 8, y + 15, `${whole(row.requests_per_second)} (×${row.ratio.toFixed(2)})${effects}`),
  ].join('\n');
}

const whole = (n: number) => Math.round(n).toLocaleString('en');

const text = (x: number, y: number, content: string, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y}" ${more}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
