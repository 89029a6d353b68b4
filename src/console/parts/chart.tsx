import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** One line of a chart. */
export interface Line {
  label: string;
  /** Which of the stylesheet's eight colours; 0 is for what is not a subscriber. */
  colour: number;
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  /** Moments of the values, in seconds since 1970. */
  times: number[];
  lines: Line[];
  /** A value as it is written, with its unit. */
  say: (value: number) => string;
  /** What the highest mark is at least, so that nothing looks like much. */
  least: number;
}

const HEIGHT = 170;
/** How much of the past is shown, in seconds: as much as is known, within these. */
const SHORTEST = 60;
const LONGEST = 300;

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Whole minutes, so that the marks are too. */
function pastOf(times: number[]): number {
  const known = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return Math.min(LONGEST, Math.max(SHORTEST, Math.ceil(known / 60) * 60));
}

/** How long ago the marks below the chart are, in seconds. */
const marksOf = (past: number): number[] => {
  const step = past > SHORTEST ? 60 : 15;
  return Array.from({ length: past / step + 1 }, (_, i) => past - i * step);
};

const backThen = (seconds: number) => (seconds === 0 ? 'now' : seconds % 60 === 0 ? `−${seconds / 60} min` : `−${seconds} s`);

function optionsOf({ current }: { current: ChartProps }, width: number): uPlot.Options {
  const { lines, say, least } = current;
  const axis = {
    stroke: css('--muted'),
    grid: { stroke: css('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  const newest = (plot: uPlot) => plot.data[0].at(-1) ?? 0;
  const past = (plot: uPlot) => pastOf(plot.data[0] as number[]);
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [10, 18, 0, 0],
    scales: {
      x: { time: true, range: (plot) => [newest(plot) - past(plot), newest(plot)] },
      y: { range: (_, __, highest) => [0, Math.max(least, (highest ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        splits: (plot) => marksOf(past(plot)).map((seconds) => newest(plot) - seconds),
        values: (plot) => marksOf(past(plot)).map(backThen),
      },
      { ...axis, size: 48, values: (_, marks) => marks.map(say) },
    ],
    series: [{}, ...lines.map(({ label, colour }) => ({ label, stroke: css(`--series-${colour}`), width: 1.75, points: { show: false } }))],
  };
}

/** Lines of the last five minutes. What they end at is written beside their names, so that nobody has to see them. */
export function Chart(props: ChartProps) {
  const { title, times, lines, say } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const names = lines.map(({ label }) => label).join();
  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      const width = Math.max(200, holder.current?.clientWidth ?? 0);
      plot.current = new uPlot(optionsOf(latest, width), dataOf(latest.current), holder.current!);
    };
    make();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: Math.max(200, holder.current?.clientWidth ?? 0), height: HEIGHT }),
    );
    resized.observe(holder.current!);
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', make);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', make);
      plot.current?.destroy();
    };
  }, [names]);
  useEffect(() => plot.current?.setData(dataOf({ times, lines })), [times, lines]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={holder} class="plot" aria-hidden="true" />
      <ul class="legend">
        {lines.map(({ label, colour, values }) => (
          <li key={label} class={`series-${colour}`}>
            {label} <b>{say(values.at(-1) ?? 0)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}

const dataOf = ({ times, lines }: Pick<ChartProps, 'times' | 'lines'>): uPlot.AlignedData => [times, ...lines.map(({ values }) => values)];
