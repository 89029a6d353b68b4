import { setTimeout as wait } from 'node:timers/promises';
import { type Api, ApiProblem } from '../api/client.ts';
import { CommandError, duration, styled, type Terminal } from '../terminal/output.ts';
import { oneLine } from '../terminal/visible.ts';

/** One effect of an event, as `GET /v1/events/{id}/effects` answers it. */
export interface EffectView {
  subscriber: string;
  state: 'pending' | 'running' | 'waiting' | 'done' | 'failed';
  attempts: number;
  last_error: string | null;
  /** When it is called again, where a timer says. */
  waiting_until?: string | null;
  completed_at: string | null;
  /** The later event that it was done for, where the effect is debounced. */
  merged_into?: string | null;
}

export interface EventView {
  id: string;
  type: string;
  key: string | null;
  timestamp: string;
  /** Where it was emitted for later; then `state` says whether that moment has come. */
  deliver_at?: string;
  state?: 'scheduled' | 'due' | 'cancelled';
  cancelled_at?: string;
  dispatched_at: string | null;
  workflow: { id: string; run_id: string | null; url: string | null } | null;
  effects: EffectView[];
}

/** What has happened because of some events. */
export interface JourneyView {
  /** Where they are the events of a message. */
  message_id?: string;
  events: EventView[];
}

/** Whose journey: a message's or an event's, or that of the newest events of a key. */
export type Traced = { id: string } | { key: string };

/** Most events of a key that are shown. */
const MOST = 20;

/** As far as an effect has come. */
type Ending = Pick<EffectView, 'state'>;

/** What an event waits for: its moment, then its effects. */
const endingsOf = ({ state, effects }: EventView): Ending[] =>
  state === 'scheduled' ? [{ state: 'waiting' }] : effects;

/** Whether an effect has come to its end: by itself nothing will change any more. */
export const isSettled = ({ state }: Ending) => state === 'done' || state === 'failed';

/** Whether an effect needs nothing but time: a durable timer may run for days. */
export const isAtRest = (effect: Ending) => isSettled(effect) || effect.state === 'waiting';

/** @throws CommandError where there is nothing of that id or key; else ApiProblem */
export async function readJourney(api: Api, traced: Traced): Promise<JourneyView> {
  if ('key' in traced) return await readKey(api, traced.key);
  try {
    return await api.get<JourneyView>(`/v1/messages/${traced.id}/effects`);
  } catch (error) {
    if (!(error instanceof ApiProblem && error.status === 404)) throw error;
  }
  return { events: [await readEvent(api, traced.id)] };
}

const readEvent = (api: Api, id: string) =>
  api.get<EventView>(`/v1/events/${id}/effects`).catch((error) => {
    throw error instanceof ApiProblem && error.status === 404
      ? new CommandError(`No message and no event of the workspace has the id ${id}.`)
      : error;
  });

async function readKey(api: Api, key: string): Promise<JourneyView> {
  const { data } = await api.get<{ data: { id: string }[] }>(
    `/v1/events?key=${encodeURIComponent(key)}&limit=${MOST}`,
  );
  if (data.length === 0)
    throw new CommandError(`No event of the workspace has the key ${JSON.stringify(key)}.`);
  const events: EventView[] = [];
  for (const { id } of data.toReversed()) events.push(await readEvent(api, id));
  return { events };
}

/**
 * A journey, now and each time it has changed, until `until` holds for every effect. An event that
 * is scheduled waits, as an effect with a timer does.
 *
 * @param options.every milliseconds between two looks (default 100; after ten seconds it is a
 * second)
 * @param options.atMost milliseconds after which the last look is given and it ends (default:
 * never)
 */
export async function* followJourney(
  api: Api,
  traced: Traced,
  options: {
    until: (effect: Ending) => boolean;
    every?: number;
    atMost?: number;
    signal?: AbortSignal;
  },
): AsyncGenerator<JourneyView> {
  const began = Date.now();
  let before = '';
  for (;;) {
    const journey = await readJourney(api, traced);
    const now = JSON.stringify(journey);
    if (now !== before) yield journey;
    before = now;
    const endings = journey.events.flatMap(endingsOf);
    const elapsed = Date.now() - began;
    if (endings.every(options.until) || elapsed > (options.atMost ?? Number.POSITIVE_INFINITY))
      return;
    await wait(elapsed > 10_000 ? 1000 : (options.every ?? 100), undefined, {
      signal: options.signal,
    });
  }
}

/** Milliseconds from the event's moment to the end of its effect; null before. */
export function elapsed(event: EventView, effect: EffectView): number | null {
  return effect.completed_at === null
    ? null
    : Math.max(
        0,
        Date.parse(effect.completed_at) - Date.parse(event.deliver_at ?? event.timestamp),
      );
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
  const merged = effect.merged_into ? `, merged into ${effect.merged_into}` : '';
  const name = effect.subscriber.padEnd(16);
  return `  ${styled(terminal, colour, sign)} ${name} ${when}${merged}${tries}${error}`;
}

/** A journey as text: a paragraph an event, with the link to its workflow. */
export function showJourney(terminal: Terminal, journey: JourneyView): string {
  return journey.events.map((event) => showEvent(terminal, event)).join('\n\n');
}

function showEvent(terminal: Terminal, event: EventView): string {
  const isDue = event.state === undefined || event.state === 'due';
  const nobody = isDue && event.effects.length === 0 ? ['  nobody subscribes to it'] : [];
  return [
    `${styled(terminal, 'bold', event.type)}  ${event.timestamp}  (event ${event.id})`,
    ...(event.key ? [`  key ${oneLine(event.key)}`] : []),
    ...whereIs(event),
    ...nobody,
    ...byCompletion(event.effects).map((effect) => showEffect(terminal, event, effect)),
  ].join('\n');
}

function whereIs({
  state,
  deliver_at,
  cancelled_at,
  workflow,
  dispatched_at,
}: EventView): string[] {
  if (state === 'scheduled') return [`  scheduled for ${deliver_at}`];
  if (state === 'cancelled') return [`  cancelled at ${cancelled_at}, was for ${deliver_at}`];
  if (workflow) return [`  workflow ${workflow.url ?? workflow.id}`];
  // Where another transport than Temporal carries it, there is nothing to follow.
  return dispatched_at ? [] : ['  not dispatched yet'];
}

/** Those that are through in the order they got there, then the others. */
function byCompletion(effects: EffectView[]): EffectView[] {
  const end = ({ completed_at }: EffectView) =>
    completed_at ? Date.parse(completed_at) : Number.POSITIVE_INFINITY;
  return effects.toSorted((a, b) =>
    end(a) === end(b) ? a.subscriber.localeCompare(b.subscriber) : end(a) - end(b),
  );
}
