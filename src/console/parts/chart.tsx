import { useMemo } from 'preact/hooks';
import { marksOf, type Past, topOf, type Unit } from './scale.ts';

/** One row of a chart. */
export interface Line {
  label: string;
  /** A value for each of the chart's times; null where it is not known. */
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  /** What is shown, in a sentence. */
  about: string;
  /** Moments of the values, oldest first, in ms since 1970. */
  times: number[];
  past: Past;
  lines: Line[];
  unit: Unit;
  /** A value as it is written. */
  say: (value: number) => string;
  /** The least that the top of a scale is, so that nothing looks like much. */
  least: number;
  /** The place among the times that is pointed at, or null. */
  at: number | null;
  onPoint: (at: number | null) => void;
}

/**
 * Rows one below another on one scale of time, so that none lies on another; each has its own scale
 * from 0, whose top is written.
 */
export function Chart({
  title,
  about,
  times,
  past,
  lines,
  unit,
  say,
  least,
  at,
  onPoint,
}: ChartProps) {
  const [from = 0, to = 0] = [times[0], times.at(-1)];
  const marks = useMemo(() => marksOf(from, to, past), [from, to, past]);
  const left = (moment: number) => `${(100 * (moment - from)) / Math.max(1, to - from)}%`;
  const point = (event: PointerEvent) => {
    const area = (event.currentTarget as Element).getBoundingClientRect();
    const part = (event.clientX - area.left) / Math.max(1, area.width);
    onPoint(Math.min(times.length - 1, Math.max(0, Math.round(part * (times.length - 1)))));
  };
  return (
    <figure class="chart">
      <figcaption>
        {title} <small>{about}</small>
      </figcaption>
      <div class="rows">
        {lines.map((line) => (
          <Row
            of={line}
            {...{ unit, say, least, at, marks, left, point }}
            leave={() => onPoint(null)}
            key={line.label}
          />
        ))}
        <div class="times" aria-hidden="true">
          <div class="marks">
            {marks.map(([moment, label]) => (
              <span style={{ left: left(moment) }} key={moment}>
                {label}
              </span>
            ))}
          </div>
        </div>
      </div>
    </figure>
  );
}

interface RowProps extends Pick<ChartProps, 'unit' | 'say' | 'least' | 'at'> {
  of: Line;
  marks: [at: number, label: string][];
  left: (moment: number) => string;
  point: (event: PointerEvent) => void;
  leave: () => void;
}

/** How high a row's drawing is, in units of its own. */
const HEIGHT = 100;

function Row({ of: { label, values }, unit, say, least, at, marks, left, point, leave }: RowProps) {
  const { line, area, top, highest } = useMemo(() => {
    const most = Math.max(0, ...values.map((value) => value ?? 0));
    return {
      ...drawn(values, topOf(most, unit, least)),
      top: topOf(most, unit, least),
      highest: most,
    };
  }, [values, unit, least]);
  const newest = values.findLast((value) => value !== null) ?? null;
  const shown = at === null ? newest : (values[at] ?? null);
  const known =
    newest === null
      ? 'nothing is known'
      : `${say(newest)} now, ${say(highest)} at most in the time shown`;
  const told = `${label}: ${known}`;
  return (
    <div class="row" role="img" aria-label={told}>
      <span class="label" title={label}>
        {label}
      </span>
      <span class="scale">
        <span>{say(top)}</span>
        <span>0</span>
      </span>
      <span class="plot" onPointerMove={point} onPointerLeave={leave}>
        {marks.map(([moment]) => (
          <i class="mark-line" style={{ left: left(moment) }} key={moment} />
        ))}
        <svg
          viewBox={`0 0 ${Math.max(1, values.length - 1)} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <path class="area" d={area} />
          <path class="line" d={line} />
        </svg>
        {at !== null && (
          <i class="pointed" style={{ left: `${(100 * at) / Math.max(1, values.length - 1)}%` }} />
        )}
      </span>
      <b class="value">{shown === null ? '–' : say(shown)}</b>
    </div>
  );
}

/** Its line, and what is below it; where nothing is known there is neither. */
function drawn(values: (number | null)[], top: number): { line: string; area: string } {
  const runs: [from: number, heights: number[]][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const run = runs.at(-1);
    const height = Math.round(HEIGHT * (1 - value / top) * 10) / 10;
    if (run && run[0] + run[1].length === i) run[1].push(height);
    else runs.push([i, [height]]);
  });
  const pathOf = ([from, heights]: [number, number[]]) =>
    heights.map((height, i) => `${from + i},${height}`).join('L');
  return {
    // A point by itself is a line without length, which its round ends make a dot.
    line: runs.map((run) => `M${pathOf(run)}h0`).join(''),
    area: runs
      .map((run) => `M${run[0]},${HEIGHT}L${pathOf(run)}L${run[0] + run[1].length - 1},${HEIGHT}Z`)
      .join(''),
  };
}
