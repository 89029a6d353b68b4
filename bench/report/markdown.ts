export const whole = (n: number) => (Number.isFinite(n) ? Math.round(n).toLocaleString('en') : '–');
export const tenths = (n: number) => (Number.isFinite(n) ? n.toFixed(1) : '–');
export const hundredths = (n: number) => (Number.isFinite(n) ? n.toFixed(2) : '–');
export const ms = (n: number) => `${tenths(n)} ms`;
export const mb = (n: number) => `${whole(n)} MB`;

/** Columns of a page and of most terminals. */
const WIDTH = 100;

/**
 * A table that reads well in a terminal too, unless that would make it too wide. The first row is
 * the head.
 */
export function table(rows: string[][]): string {
  const longest = rows[0]!.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]!.length)),
  );
  const isWide = longest.reduce((sum, width) => sum + width + 3, 1) > WIDTH;
  const widths = isWide ? longest.map(() => 3) : longest;
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [
    line(head!),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...body.map(line),
  ].join('\n');
}

/** A table under its title; nothing where there are no rows. */
export function section(title: string, head: string[], rows: string[][]): string {
  return rows.length === 0 ? '' : `**${title}**\n\n${table([head, ...rows])}`;
}
