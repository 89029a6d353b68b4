import { useMemo } from 'preact/hooks';
import type { Sample, SubscriberSample } from '../../ops/sample.ts';
import { samples } from '../live.ts';
import { to } from '../location.ts';
import { Chart, type Line } from '../parts/chart.tsx';
import { Empty } from '../parts/states.tsx';
import { count, rate, span } from '../say.ts';
import { Trouble } from './trouble.tsx';

/** How everything is, at a glance: what is wrong, then the figures, then how they came to be so. */
export function OverviewPage() {
  const newest = samples.value.at(-1);
  return (
    <>
      <h1>Overview</h1>
      <Trouble />
      {newest ? <Figures of={newest} /> : <p class="loading">Waiting for the first figures …</p>}
      {newest && newest.subscribers.length === 0 && (
        <Empty title="No effect worker has been here yet">
          Start one with <code>knockon worker effects</code>: its effects register themselves.
        </Empty>
      )}
      {newest && newest.subscribers.length > 0 && <Charts />}
    </>
  );
}

function Figures({ of }: { of: Sample }) {
  const sum = (figure: (subscriber: SubscriberSample) => number) => of.subscribers.reduce((n, subscriber) => n + figure(subscriber), 0);
  const oldest = Math.max(of.undispatched_seconds, 0, ...of.subscribers.map((subscriber) => subscriber.backlog_age_seconds));
  const dead = sum((subscriber) => subscriber.dead_letters);
  return (
    <dl class="figures">
      <Figure name="Messages a second" value={rate(of.messages_per_second)} />
      <Figure name="Effects a second" value={rate(sum((subscriber) => subscriber.rate))} />
      <Figure name="Waiting" value={count(sum((subscriber) => subscriber.backlog))} href={to('/subscribers')} />
      <Figure name="Longest wait" value={span(oldest)} />
      <Figure name="Given up" value={count(dead)} href={to('/failed')} tone={dead > 0 ? 'bad' : undefined} />
    </dl>
  );
}

function Figure({ name, value, href, tone }: { name: string; value: string; href?: string; tone?: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class={tone}>{href ? <a href={href}>{value}</a> : value}</dd>
    </div>
  );
}

/** Each subscriber's line in a colour that stays its own. */
function linesOf(all: Sample[], figure: (subscriber: SubscriberSample) => number): Line[] {
  const names = [...new Set(all.flatMap(({ subscribers }) => subscribers.map(({ name }) => name)))].sort();
  return names.map((label, i) => ({
    label,
    colour: 1 + (i % 7),
    values: all.map(({ subscribers }) => {
      const found = subscribers.find(({ name }) => name === label);
      return found ? figure(found) : null;
    }),
  }));
}

function Charts() {
  const all = samples.value;
  const { times, rates, backlogs, ages } = useMemo(
    () => ({
      times: all.map(({ at }) => Date.parse(at) / 1000),
      rates: linesOf(all, (subscriber) => subscriber.rate),
      backlogs: linesOf(all, (subscriber) => subscriber.backlog),
      ages: linesOf(all, (subscriber) => subscriber.backlog_age_seconds),
    }),
    [all],
  );
  const messages = useMemo(
    () => [{ label: 'messages', colour: 0, values: all.map((sample) => sample.messages_per_second) }, ...rates],
    [all, rates],
  );
  return (
    <div class="charts">
      <Chart title="Done a second" times={times} lines={messages} say={rate} least={1} />
      <Chart title="Waiting events" times={times} lines={backlogs} say={count} least={10} />
      <Chart title="Longest wait" times={times} lines={ages} say={span} least={5} />
    </div>
  );
}
