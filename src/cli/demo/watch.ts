import type { Api } from '../api/client.ts';
import { duration, styled, type Terminal } from '../terminal/output.ts';
import { oneLine } from '../terminal/visible.ts';
import { type EffectView, type EventView, followJourney, isAtRest } from '../trace/journey.ts';

/** What happened because of one request, in milliseconds since it was sent. */
export interface Arrival {
  type: string;
  /** When the API had answered. */
  answered_ms: number;
  workflow_url: string | null;
  effects: {
    subscriber: string;
    state: EffectView['state'];
    ms: number | null;
    error: string | null;
  }[];
}

interface Watch {
  api: Api;
  /** Null: nothing is printed. */
  terminal: Terminal | null;
  messageId: string;
  /** The type of the message's event that is watched, its newest. */
  type: string;
  /**
   * When the request was sent, and how long its answer took. Unix time and duration in
   * milliseconds.
   */
  began: number;
  answered: number;
}

/** An effect that is retried for longer than this is left to `knockon trace`. */
const AT_MOST = 15_000;

/**
 * Prints each effect of an event when it has come to its end, and returns all of them. A durable
 * timer is not waited for.
 */
export async function watchEvent({
  api,
  terminal,
  messageId,
  type,
  began,
  answered,
}: Watch): Promise<Arrival> {
  const shown = new Set<string>();
  const refused = new Set<string>();
  let event: EventView | undefined;
  terminal?.out(`  ${duration(answered).padStart(7)}  ${styled(terminal, 'gray', 'answered')}`);
  for await (const journey of followJourney(
    api,
    { id: messageId },
    {
      until: isAtRest,
      every: 10,
      atMost: AT_MOST,
    },
  )) {
    event = journey.events.findLast((candidate) => candidate.type === type);
    for (const effect of event?.effects.filter(
      (one) => isRetried(one) && !refused.has(one.subscriber),
    ) ?? []) {
      refused.add(effect.subscriber);
      terminal?.out(
        `        ↻  ${styled(terminal, 'yellow', effect.subscriber)} is tried again: ` +
          oneLine(`${effect.last_error}`),
      );
    }
    const fresh =
      event?.effects.filter((effect) => isAtRest(effect) && !shown.has(effect.subscriber)) ?? [];
    for (const effect of fresh.toSorted((a, b) => end(a) - end(b))) {
      shown.add(effect.subscriber);
      terminal?.out(line(terminal, effect, began));
    }
  }
  const effects = event?.effects ?? [];
  for (const effect of effects)
    if (!shown.has(effect.subscriber)) terminal?.out(line(terminal, effect, began));
  const url = event?.workflow?.url ?? null;
  terminal?.out(url ? `           ${styled(terminal, 'gray', url)}\n` : '');
  return {
    type,
    answered_ms: answered,
    workflow_url: url,
    effects: effects.map((effect) => summary(effect, began)),
  };
}

const isRetried = ({ state, last_error }: EffectView) => state === 'running' && last_error !== null;

const end = ({ completed_at }: EffectView) =>
  completed_at ? Date.parse(completed_at) : Number.MAX_SAFE_INTEGER;

function summary(effect: EffectView, began: number): Arrival['effects'][number] {
  const { subscriber, state, completed_at, last_error } = effect;
  return {
    subscriber,
    state,
    ms: completed_at ? Math.max(0, Date.parse(completed_at) - began) : null,
    error: last_error,
  };
}

function line(terminal: Terminal, effect: EffectView, began: number): string {
  const { ms } = summary(effect, began);
  const name = effect.subscriber;
  if (effect.state === 'done')
    return `  ${duration(ms ?? 0).padStart(7)}  ${styled(terminal, 'green', name)}`;
  if (effect.state === 'waiting')
    return `        ◷  ${styled(terminal, 'yellow', name)} waits on a durable timer`;
  if (effect.state === 'failed')
    return (
      `        ✗  ${styled(terminal, 'red', name)} failed: ` +
      oneLine(effect.last_error ?? 'no reason is known')
    );
  return (
    `        …  ${styled(terminal, 'yellow', name)} is ` +
    oneLine(`${effect.state}${effect.last_error ? `: ${effect.last_error}` : ''}`)
  );
}
