import { allOf } from '../cpu.ts';
import { moments } from '../idle/journey.ts';
import { shapeNames, shapes, USUAL } from '../shapes.ts';
import { hundredths, mb, ms, section, tenths, whole } from './markdown.ts';
import { type Results, type Row, rowsOf, seenBy } from './results.ts';

/** The results as Markdown. */
export function tables(results: Results): string {
  const parts = [
    where(results),
    usualTable(results),
    costTable(results),
    shapesTables(results),
    catchUpTable(results),
    orderedTable(results),
  ];
  parts.push(
    sustainedTable(results),
    sustainedMemoryTable(results),
    growthTable(results),
    journeyTable(results),
    missing(results),
  );
  return parts.filter((part) => part !== '').join('\n\n');
}

function where({ taken_at, seconds, machine }: Results): string {
  const load = machine.load_average.map(tenths).join(' before, ');
  const about = `${machine.cpus} × ${machine.model}, ${machine.memory} GB, Node ${machine.node}`;
  const took = `${whole((seconds ?? 0) / 60)} minutes`;
  return `${taken_at.slice(0, 10)}, ${about}.\nLoad average ${load} after, ${took}.`;
}

/** Ours beside each of the others. */
const times = (rows: Row[], pick: (row: Row) => number | null, row: Row) => {
  const own = rows.find(({ contestant }) => contestant === 'knockon');
  const [ours, theirs] = [own ? pick(own) : null, pick(row)];
  return ours === null || !theirs ? '–' : `${tenths(ours / theirs)} ×`;
};

const byEffects = (row: Row) => row.effectsPerSecond;

function usualTable(results: Results): string {
  const rows = rowsOf(results, results.visits, USUAL);
  const { title, connections } = shapes[USUAL];
  return section(
    `${title}, ${connections} connections`,
    ['', 'requests/s', '× floor', 'p50 / p99 ms', 'effects/s to the last', 'Knock-on does'],
    rows.map((row) => [
      row.title,
      whole(row.requestsPerSecond),
      withRange(row.ratio, row.ratioRange, hundredths),
      `${tenths(row.p50)} / ${tenths(row.p99)}`,
      row.effectsPerSecond === null
        ? '–'
        : withRange(row.effectsPerSecond, row.effectsRange, whole),
      times(rows, byEffects, row),
    ]),
  );
}

/** The range stands beside it where rounds differ. */
function withRange(
  value: number,
  [least, most]: [number, number],
  format: (n: number) => string,
): string {
  if (Number.isNaN(value)) return '–';
  return least === most ? format(value) : `${format(value)} (${format(least)}–${format(most)})`;
}

/** What a message costs: latency when idle, losses, memory, CPU ms, actions of Temporal's. */
function costTable(results: Results): string {
  return section(
    'What it costs: CPU in ms a message, Temporal actions a message',
    ['', 'idle, POST → sixth', 'lost', 'memory', 'CPU: API + Postgres + others', 'actions'],
    rowsOf(results, results.visits, USUAL).map((row) => {
      const idle = seenBy(results, row.contestant, 'idle');
      const crash = seenBy(results, row.contestant, 'crash');
      const memory = seenBy(results, row.contestant, 'memory');
      const parts = [row.cpu.server, row.cpu.postgres, row.cpu.others].map(hundredths);
      return [
        row.title,
        idle ? ms(idle.median) : '–',
        crash ? String(crash.lost) : '–',
        memory ? mb(memory.all) : '–',
        `${hundredths(allOf(row.cpu))}: ${parts.join(' + ')}`,
        row.actions === null ? '–' : row.actions.toFixed(3),
      ];
    }),
  );
}

/** Requests/s, and below them effects/s, in each shape, a column each. */
function shapesTables(results: Results): string {
  const measured = shapeNames
    .map((name) => ({ name, rows: rowsOf(results, results.visits, name) }))
    .filter(({ rows }) => rows.length > 0);
  if (measured.length < 2) return '';
  const shown = results.contestants.filter(({ name }) =>
    measured.some(({ rows }) => rows.some(({ contestant }) => contestant === name)),
  );
  const tableOf = (title: string, pick: (row: Row) => number | null) =>
    section(
      title,
      ['', ...measured.map(({ name }) => shapes[name].title)],
      shown.map(({ name, title }) => [
        title,
        ...measured.map(({ rows }) => {
          const row = rows.find(({ contestant }) => contestant === name);
          const value = row === undefined ? null : pick(row);
          return value === null ? '–' : whole(value);
        }),
      ]),
    );
  return [
    tableOf('Shapes: requests/s', (row) => row.requestsPerSecond),
    tableOf('Shapes: effects/s', byEffects),
  ].join('\n\n');
}

function catchUpTable(results: Results): string {
  const ours = seenBy(results, 'knockon', 'catchUp');
  return section(
    'Catch-up: messages wait, then the workers are started',
    ['', 'messages', 'effects', 'in', 'effects/s', 'Knock-on does', 'memory'],
    results.contestants.flatMap(({ name, title }) => {
      const seen = seenBy(results, name, 'catchUp');
      if (!seen) return [];
      const { messages, effects, seconds, perSecond, memory } = seen;
      const times = ours ? `${tenths(ours.perSecond / perSecond)} ×` : '–';
      return [
        [
          title,
          whole(messages),
          whole(effects),
          `${tenths(seconds)} s`,
          whole(perSecond),
          times,
          mb(memory),
        ],
      ];
    }),
  );
}

function orderedTable(results: Results): string {
  const [many, one] = [
    rowsOf(results, results.ordered, 'channels'),
    rowsOf(results, results.ordered, 'one-channel'),
  ];
  return section(
    'In order within each channel: effects/s',
    ['', '1,000 channels', 'one channel', 'one beside many'],
    many.map((row) => {
      const hot =
        one.find(({ contestant }) => contestant === row.contestant)?.effectsPerSecond ?? Number.NaN;
      const effects = row.effectsPerSecond ?? Number.NaN;
      return [row.title, whole(effects), whole(hot), hundredths(hot / effects)];
    }),
  );
}

function sustainedTable(results: Results): string {
  return section(
    'Sustained',
    ['', 'seconds', 'requests/s', 'p50 / p99 ms', 'effects/s', 'effects behind at the end'],
    results.contestants.flatMap(({ name, title }) => {
      const seen = seenBy(results, name, 'sustained');
      if (!seen) return [];
      const { seconds, perSecond, p50, p99, effectsPerSecond, behind } = seen;
      const effects =
        effectsPerSecond === null ? ['–', '–'] : [whole(effectsPerSecond), whole(behind)];
      return [
        [title, whole(seconds), whole(perSecond), `${tenths(p50)} / ${tenths(p99)}`, ...effects],
      ];
    }),
  );
}

function sustainedMemoryTable(results: Results): string {
  return section(
    'Sustained: memory in MB, ten looks',
    ['', 'of', 'ten looks'],
    results.contestants.flatMap(({ name, title }) => {
      const memory = seenBy(results, name, 'sustained')?.memory ?? [];
      if (memory.length === 0) return [];
      const parts = [...new Set(memory.flatMap((look) => Object.keys(look.parts)))];
      const rows = parts.map((part) => [part, looks(memory.map((look) => look.parts[part] ?? 0))]);
      return [['all', looks(memory.map(({ all }) => all))], ...rows].map((row) => [title, ...row]);
    }),
  );
}

const looks = (memory: number[]) => memory.map(whole).join(' ');

function growthTable(results: Results): string {
  return section(
    'Growth: the same turn with few and with many messages stored',
    ['', 'messages stored', 'requests/s', 'effects/s', 'CPU ms a message', 'beside few'],
    results.contestants.flatMap(({ name, title }) => {
      const seen = seenBy(results, name, 'growth') ?? [];
      return seen.map(({ stored, requestsPerSecond, effectsPerSecond, cpu }) => {
        const effects = effectsPerSecond === null ? '–' : whole(effectsPerSecond);
        return [
          title,
          whole(stored),
          whole(requestsPerSecond),
          effects,
          hundredths(cpu),
          `${hundredths(cpu / seen[0]!.cpu)} ×`,
        ];
      });
    }),
  );
}

function journeyTable(results: Results): string {
  const idle = seenBy(results, 'knockon', 'idle');
  const { journey } = idle ?? {};
  if (!idle || !journey) return '';
  const head = ["Knock-on's message on its way, idle", `median of ${idle.runs}`];
  return section(
    'Idle',
    head,
    moments.map((moment) => [moment, ms(journey[moment])]),
  );
}

/** Who is not in the tables, or not in all of them. */
function missing({ contestants, visits, ordered }: Results): string {
  const absent = contestants.flatMap(({ title, absent: why }) =>
    why ? [`- ${title}: left out: ${why}.`] : [],
  );
  const titleOf = (name: string) => contestants.find((one) => one.name === name)?.title ?? name;
  const failed = [...visits, ...ordered].flatMap(({ contestant, failed: why }) =>
    why ? [`- ${titleOf(contestant)}: failed: ${why.split('\n')[0]}`] : [],
  );
  return [...absent, ...failed].join('\n');
}
