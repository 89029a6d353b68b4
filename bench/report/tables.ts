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
    shapesTable(results),
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
  return `${taken_at.slice(0, 10)}, ${about}, load average ${load} after, ${whole((seconds ?? 0) / 60)} minutes.`;
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
    [
      '',
      'requests/s',
      '× floor (range)',
      'p50 / p99 ms',
      'effects/s to the last (range)',
      'Knock-on does',
      'idle, POST → sixth',
      'lost',
      'memory',
    ].concat(['CPU ms a message: API + Postgres + others', 'Temporal actions a message']),
    rows.map((row) => {
      const [idle, crash, memory] = (['idle', 'crash', 'memory'] as const).map((part) =>
        seenBy(results, row.contestant, part),
      ) as [
        ReturnType<typeof seenBy<'idle'>>,
        ReturnType<typeof seenBy<'crash'>>,
        ReturnType<typeof seenBy<'memory'>>,
      ];
      return [
        row.title,
        whole(row.requestsPerSecond),
        Number.isNaN(row.ratio)
          ? '–'
          : `${hundredths(row.ratio)} (${row.ratioRange.map(hundredths).join('–')})`,
        `${tenths(row.p50)} / ${tenths(row.p99)}`,
        row.effectsPerSecond === null
          ? '–'
          : `${whole(row.effectsPerSecond)} (${row.effectsRange.map(whole).join('–')})`,
        times(rows, byEffects, row),
        idle ? ms(idle.median) : '–',
        crash ? String(crash.lost) : '–',
        memory ? mb(memory.all) : '–',
        `${hundredths(allOf(row.cpu))}: ${[row.cpu.server, row.cpu.postgres, row.cpu.others].map(hundredths).join(' + ')}`,
        row.actions === null ? '–' : row.actions.toFixed(3),
      ];
    }),
  );
}

/** Requests/s and effects/s in each shape, a column each. */
function shapesTable(results: Results): string {
  const measured = shapeNames
    .map((name) => ({ name, rows: rowsOf(results, results.visits, name) }))
    .filter(({ rows }) => rows.length > 0);
  if (measured.length < 2) return '';
  const cell = (row: Row | undefined) =>
    row
      ? `${whole(row.requestsPerSecond)} · ${row.effectsPerSecond === null ? '–' : whole(row.effectsPerSecond)}`
      : '–';
  return section(
    'Shapes: requests/s · effects/s',
    ['', ...measured.map(({ name }) => shapes[name].title)],
    results.contestants
      .filter(({ name }) =>
        measured.some(({ rows }) => rows.some(({ contestant }) => contestant === name)),
      )
      .map(({ name, title }) => [
        title,
        ...measured.map(({ rows }) => cell(rows.find(({ contestant }) => contestant === name))),
      ]),
  );
}

function catchUpTable(results: Results): string {
  const ours = seenBy(results, 'knockon', 'catchUp');
  return section(
    'Catch-up: messages wait, then the workers are started',
    ['', 'messages waiting', 'effects', 'in', 'effects/s', 'Knock-on does', 'memory at the end'],
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
    [
      '',
      'seconds',
      'requests/s',
      'p50 / p99 ms',
      'effects/s',
      'effects behind at the end',
      'memory, ten looks',
    ],
    results.contestants.flatMap(({ name, title }) => {
      const seen = seenBy(results, name, 'sustained');
      if (!seen) return [];
      const { seconds, perSecond, p50, p99, effectsPerSecond, behind, memory } = seen;
      const effects =
        effectsPerSecond === null ? ['–', '–'] : [whole(effectsPerSecond), whole(behind)];
      return [
        [
          title,
          whole(seconds),
          whole(perSecond),
          `${tenths(p50)} / ${tenths(p99)}`,
          ...effects,
          looks(memory.map(({ all }) => all)),
        ],
      ];
    }),
  );
}

function sustainedMemoryTable(results: Results): string {
  return section(
    'Sustained: whose memory',
    ['', 'of it', 'memory, ten looks'],
    results.contestants.flatMap(({ name, title }) => {
      const memory = seenBy(results, name, 'sustained')?.memory ?? [];
      const parts = [...new Set(memory.flatMap((look) => Object.keys(look.parts)))];
      return parts.map((part) => [title, part, looks(memory.map((look) => look.parts[part] ?? 0))]);
    }),
  );
}

const looks = (memory: number[]) => `${memory.map(whole).join(' ')} MB`;

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
