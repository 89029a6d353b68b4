import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from '../api/client.ts';
import { duration, styled, type Terminal } from '../terminal/output.ts';

/** One effect of an event, as `GET /v1/messages/{id}/effects` answers it. */
export interface EffectView {
  subscriber: string;
  state: 'pending' | 'running' | 'waiting' | 'done' | 'failed';
  attempts: number;
  last_error: string | null;
  /** When it is called again, where a timer says. */
  waiting_until?: string | null;
  completed_at: string | null;
}

export interface EventView {
  id: string;
  type: string;
  key: string | null;
  timestamp: string;
  dispatched_at: string | null;
  workflow: { id: string; run_id: string | null; url: string | null } | null;
  effects: EffectView[];
}

/** What has happened because of a message. */
export interface JourneyView {
  message_id: string;
  events: EventView[];
}

/** Whether an effect has come to its end: by itself nothing will change any more. */
export const isSettled = ({ state }: EffectView) => state === 'done' || state === 'failed';

/** Whether an effect needs nothing but time: a durable timer may run for days. */
export const isAtRest = (effect: EffectView) => isSettled(effect) || effect.state === 'waiting';

export const readJourney = (api: Api, messageId: string) =>
  api.get<JourneyView>(`/v1/messages/${encodeURIComponent(messageId)}/effects`);

/**
 * A message's journey, now and each time it has changed, until `until` holds for every effect.
 *
 * @param options.every milliseconds between two looks (default 100; after ten seconds it is a
 * second)
 * @param options.atMost milliseconds after which the last look is given and it ends (default:
 * never)
 */
export async function* followJourney(
  api: Api,
  messageId: string,
  options: {
    until: (effect: EffectView) => boolean;
    every?: number;
    atMost?: number;
    signal?: AbortSignal;
  },
): AsyncGenerator<JourneyView> {
  const began = Date.now();
  let before = '';
  for (;;) {
    const journey = await readJourney(api, messageId);
    const now = JSON.stringify(journey);
    if (now !== before) yield journey;
    before = now;
    const effects = journey.events.flatMap((event) => event.effects);
    const elapsed = Date.now() - began;
    if (effects.every(options.until) || elapsed > (options.atMost ?? Number.POSITIVE_INFINITY))
      return;
    await wait(elapsed > 10_000 ? 1000 : (options.every ?? 100), undefined, {
      signal: options.signal,
    });
  }
}

/** Milliseconds from the event to the end of its effect; null before. */
export function elapsed(event: EventView, effect: EffectView): number | null {
  return effect.completed_at === null
    ? null
    : Math.max(0, Date.parse(effect.completed_at) - Date.parse(event.timestamp));
}

const SIGNS = {
  done: ['green', '✓'],
  failed: ['red', '✗'],
  waiting: ['yellow', '◷'],
  running: ['yellow', '…'],
  pending: ['gray', '·'],
} as const;

/**
 * An effect on one line: its state, how long it took or how often it was tried, and its last error.
 */
export function showEffect(terminal: Terminal, event: EventView, effect: EffectView): string {
  const [colour, sign] = SIGNS[effect.state];
  const took = elapsed(event, effect);
  const until = effect.waiting_until ? ` until ${effect.waiting_until}` : '';
  const when =
    took === null ? `${effect.state}${until}` : `${effect.state} after ${duration(took)}`;
  const tries = effect.attempts > 1 ? `, ${effect.attempts} attempts` : '';
  const error = effect.last_error
    ? `\n      ${effect.last_error.trim().replaceAll('\n', '\n      ')}`
    : '';
  const name = effect.subscriber.padEnd(16);
  return `  ${styled(terminal, colour, sign)} ${name} ${when}${tries}${error}`;
}

/** A journey as text: a paragraph an event, with the link to its workflow. */
export function showJourney(terminal: Terminal, journey: JourneyView): string {
  return journey.events.map((event) => showEvent(terminal, event)).join('\n\n');
}

function showEvent(terminal: Terminal, event: EventView): string {
  const { workflow, dispatched_at } = event;
  // Where another transport than Temporal sees to it, there is nothing to follow.
  const where = workflow
    ? [`  workflow ${workflow.url ?? workflow.id}`]
    : dispatched_at
      ? []
      : ['  not dispatched yet'];
  const nobody = event.effects.length === 0 ? ['  nobody subscribes to it'] : [];
  return [
    `${styled(terminal, 'bold', event.type)}  ${event.timestamp}  (event ${event.id})`,
    ...(event.key ? [`  key ${event.key}`] : []),
    ...where,
    ...nobody,
    ...byCompletion(event.effects).map((effect) => showEffect(terminal, event, effect)),
  ].join('\n');
}

/** Those that are through in the order they got there, then the others. */
function byCompletion(effects: EffectView[]): EffectView[] {
  const end = ({ completed_at }: EffectView) =>
    completed_at ? Date.parse(completed_at) : Number.POSITIVE_INFINITY;
  return effects.toSorted((a, b) =>
    end(a) === end(b) ? a.subscriber.localeCompare(b.subscriber) : end(a) - end(b),
  );
}
