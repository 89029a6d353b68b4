import { moments } from '../idle/journey.ts';
import type { Results, Row } from './results.ts';

/** The results as Markdown, which reads well in a terminal too. */
export function tables({ taken_at, machine, load, idle, memory }: Results): string {
  const where = `${taken_at.slice(0, 10)}, ${machine.cpus} × ${machine.model}, Node ${machine.node}, load average ${machine.load_average.map((n) => n.toFixed(1)).join(' ')} (before, after).`;
  const parts = [where];
  if (load) parts.push(loadTable(load));
  if (idle) {
    const steps = moments.map((moment) => [moment, ms(idle.journey[moment])]);
    parts.push(
      table([
        ['POST → sixth effect, idle', `median of ${idle.runs}`],
        ...steps,
        ['a bare workflow with six empty activities', ms(idle.bare)],
      ]),
    );
  }
  if (memory) {
    const names = Object.keys(memory.at(-1)?.parts ?? {});
    const rows = memory.map((at) => [String(at.messages), mb(at.pss), mb(at.rss), ...names.map((name) => mb(at.parts[name] ?? 0))]);
    parts.push(table([['messages', 'PSS, all', 'RSS, all', ...names], ...rows]));
  }
  return parts.join('\n\n');
}

function loadTable(load: Row[]): string {
  const head = [
    'channels',
    '',
    'requests/s',
    '× naive (range)',
    'p50 / p99 ms',
    'effects/s',
    'CPU ms a request: server + Postgres + others',
  ];
  const rows = load.map((row) => [
    String(row.channels),
    row.title,
    whole(row.requests_per_second),
    `${row.ratio.toFixed(2)} (${row.ratio_range.map((n) => n.toFixed(2)).join('–')})`,
    `${row.p50_ms.toFixed(1)} / ${row.p99_ms.toFixed(1)}`,
    row.effects_per_second === null ? '–' : whole(row.effects_per_second),
    [row.cpu_ms.server, row.cpu_ms.postgres, row.cpu_ms.others].map((n) => n.toFixed(2)).join(' + '),
  ]);
  return table([head, ...rows]);
}

const whole = (n: number) => Math.round(n).toLocaleString('en');
const ms = (n: number) => `${n.toFixed(1)} ms`;
const mb = (n: number) => `${Math.round(n)} MB`;

/** The first row is the head. */
function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n');
}
