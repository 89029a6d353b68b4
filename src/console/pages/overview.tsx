import type { Sample, SubscriberSample } from '../../ops/status/sample.ts';
import { count, rate, span } from '../format.ts';
import { samples } from '../live.ts';
import { to } from '../location.ts';
import { Empty } from '../parts/states.tsx';
import { Charts } from './charts.tsx';
import { Trouble } from './findings.tsx';

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
  const sum = (figure: (subscriber: SubscriberSample) => number) =>
    of.subscribers.reduce((n, subscriber) => n + figure(subscriber), 0);
  const oldest = Math.max(
    of.undispatched_seconds,
    0,
    ...of.subscribers.map((subscriber) => subscriber.backlog_age_seconds),
  );
  const dead = sum((subscriber) => subscriber.dead_letters);
  return (
    <dl class="figures">
      <Figure
        name="Messages a second"
        value={rate(of.messages_per_second)}
        about="stored, over the last 5 s"
      />
      <Figure
        name="Effects a second"
        value={rate(sum(({ rate }) => rate))}
        about="done, over the last 10 s"
      />
      <Figure
        name="Backlog"
        value={count(sum(({ backlog }) => backlog))}
        about="effects that are due, neither done nor given up"
        href={to('/subscribers')}
      />
      <Figure name="Longest wait" value={span(oldest)} about="age of the oldest of these" />
      <Figure
        name="Given up"
        value={count(dead)}
        about="dead letters, an endpoint or recipient each"
        href={to('/failed')}
        tone={dead > 0 ? 'bad' : undefined}
      />
    </dl>
  );
}

interface FigureProps {
  name: string;
  value: string;
  /** What is counted. */
  about: string;
  href?: string;
  tone?: string;
}

function Figure({ name, value, about, href, tone }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class={tone}>{href ? <a href={href}>{value}</a> : value}</dd>
      <dd class="about">{about}</dd>
    </div>
  );
}
