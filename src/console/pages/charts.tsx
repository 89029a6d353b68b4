import { useMemo, useState } from 'preact/hooks';
import type { History, SubscriberHistory } from '../../ops/status/history.ts';
import type { Sample, SubscriberSample } from '../../ops/status/sample.ts';
import { count, moment, percent, rate, span } from '../format.ts';
import { samples } from '../live.ts';
import { query, to } from '../location.ts';
import { Chart, type Line } from '../parts/chart.tsx';
import { type Past, pasts } from '../parts/scale.ts';
import { Loaded } from '../parts/states.tsx';
import { useResource } from '../resource.ts';

const DEFAULT: Past = '3h';

/** The past of rates, backlogs and lag: a row a subscriber. What is live is its end. */
export function Charts() {
  const asked = query.value.get('past');
  const past = asked !== null && asked in pasts ? (asked as Past) : DEFAULT;
  const history = useResource<History>(`/v1/ops/history?past=${past}`, pasts[past].every);
  return (
    <section aria-label="The past">
      <div class="head">
        <h2>The last {pasts[past].label}</h2>
        <ul class="choice" aria-label="How long a past">
          {(Object.keys(pasts) as Past[]).map((one) => (
            <li key={one}>
              <a
                href={to('/', { past: one === DEFAULT ? null : one })}
                aria-current={one === past ? 'true' : undefined}
              >
                {pasts[one].label}
              </a>
            </li>
          ))}
        </ul>
      </div>
      <Loaded of={history}>{(data) => <Grid of={data} past={past} />}</Loaded>
    </section>
  );
}

/** The newest look is the last point: nobody waits for it to be written down. */
function withNewest(history: History, newest: Sample | undefined): History {
  const last = history.times.at(-1);
  if (!newest || !last || newest.at < last) return history;
  const end = <T,>(values: T[], value: T) => [...values.slice(0, -1), value];
  const names = [
    ...new Set([
      ...history.subscribers.map(({ name }) => name),
      ...newest.subscribers.map(({ name }) => name),
    ]),
  ].sort();
  const nothing = history.times.map(() => null);
  const none = {
    rate: nothing,
    error_rate: nothing,
    backlog: nothing,
    backlog_age_seconds: nothing,
    dead_letters: nothing,
  };
  return {
    ...history,
    messages_per_second: end(history.messages_per_second, newest.messages_per_second),
    subscribers: names.map((name) => {
      const before = history.subscribers.find((one) => one.name === name) ?? { name, ...none };
      const now = newest.subscribers.find((one) => one.name === name);
      return now ? ended(before, now, end) : before;
    }),
  };
}

const ended = (
  before: SubscriberHistory,
  now: SubscriberSample,
  end: (values: (number | null)[], value: number) => (number | null)[],
): SubscriberHistory => ({
  name: before.name,
  rate: end(before.rate, now.rate),
  error_rate: end(before.error_rate, now.error_rate),
  backlog: end(before.backlog, now.backlog),
  backlog_age_seconds: end(before.backlog_age_seconds, now.backlog_age_seconds),
  dead_letters: end(before.dead_letters, now.dead_letters),
});

type Values = (one: SubscriberHistory) => (number | null)[];

/** A line for each subscriber. */
const linesOf = ({ subscribers }: History, values: Values): Line[] =>
  subscribers.map((one) => ({ label: one.name, values: values(one) }));

const charts = [
  {
    title: 'Done a second',
    about: 'messages stored, and events done by each subscriber',
    lines: (history: History) => [
      { label: 'messages', values: history.messages_per_second },
      ...linesOf(history, (one) => one.rate),
    ],
    unit: 'count',
    say: rate,
    least: 1,
  },
  {
    title: 'Failed tries',
    about: 'part of what was tried in five minutes',
    lines: (history: History) => linesOf(history, (one) => one.error_rate),
    unit: 'part',
    say: percent,
    least: 0.05,
  },
  {
    title: 'Backlog',
    about: 'events neither done nor given up',
    lines: (history: History) => linesOf(history, (one) => one.backlog),
    unit: 'count',
    say: count,
    least: 10,
  },
  {
    title: 'Longest wait',
    about: 'age of the oldest event that waits',
    lines: (history: History) => linesOf(history, (one) => one.backlog_age_seconds),
    unit: 'seconds',
    say: span,
    least: 5,
  },
] as const;

function Grid({ of, past }: { of: History; past: Past }) {
  const [at, setAt] = useState<number | null>(null);
  const newest = samples.value.at(-1);
  const { times, drawn } = useMemo(() => {
    const history = withNewest(of, newest);
    return {
      times: history.times.map((time) => Date.parse(time)),
      drawn: charts.map((chart) => ({ ...chart, lines: chart.lines(history) })),
    };
  }, [of, newest]);
  return (
    <>
      <p class="pointed-at muted" aria-hidden="true">
        {at === null
          ? 'Each row has its own scale, from 0 to the number at its left; at its right is the ' +
            'value now. Point at a moment for the values then.'
          : `At ${moment(of.times[at] ?? '')}`}
      </p>
      <div class="charts">
        {drawn.map((chart) => (
          <Chart {...chart} {...{ times, past, at }} onPoint={setAt} key={chart.title} />
        ))}
      </div>
    </>
  );
}
