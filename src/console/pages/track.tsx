import type { EventCall, InspectedEffect, TargetState } from '../../ops/inspect/effects.ts';
import { counted, moment, since, span } from '../format.ts';
import { to } from '../location.ts';
import { Id, State, When } from '../parts/text.tsx';
import { type Ask, DeadLetterActions } from './dead-letter-dialog.tsx';

interface TrackProps {
  of: InspectedEffect;
  /** When its event was stored. */
  from: string;
  /** How long the longest effect took, in seconds: the whole of the rail. */
  longest: number;
  ask: Ask;
}

type Letters = InspectedEffect['letters'];

function targetState({ target, waiting_until }: TargetState, letters: Letters): string {
  if (letters.some((letter) => letter.target === target)) return 'failed';
  return waiting_until ? 'waiting' : 'open';
}

function shownState({ state, discarded }: InspectedEffect, isRetried: boolean): string {
  if (discarded) return 'discarded';
  return isRetried ? 'retrying' : state;
}

/**
 * An effect of an event: its state, its time in the queue and at work, what is open with whom, and
 * trying it again.
 */
export function Track({ of, from, longest, ask }: TrackProps) {
  const { subscriber, state, last_error, waiting_until, letters, discarded, merged_into } = of;
  const isRetried = letters.length > 0 && letters.every(({ retrying }) => retrying);
  const what = `${counted(letters.length, 'dead letter')} of ${subscriber}`;
  return (
    <div class="track" data-effect={subscriber} data-state={state}>
      <a href={to(`/subscribers/${encodeURIComponent(subscriber)}`)}>{subscriber}</a>
      <span>
        <State is={shownState(of, isRetried)} />
      </span>
      <Rail of={of} from={from} longest={longest} />
      <span class="told">{told(of, from)}</span>
      {last_error && <p class={discarded ? 'beside muted' : 'beside error'}>{last_error}</p>}
      {merged_into && (
        <p class="beside muted">
          Merged into <a href={to(`/journey/${merged_into}`)}>a later event of its key</a>
        </p>
      )}
      {waiting_until && (
        <p class="beside">
          Next try <When at={waiting_until} />, at {moment(waiting_until)}
        </p>
      )}
      <Targets of={of} />
      <Calls of={of.calls} from={from} />
      {letters.length > 0 && !isRetried && (
        <div class="beside">
          <DeadLetterActions
            of={{ ids: letters.map(({ id }) => id) }}
            what={what}
            ask={ask}
            label={subscriber}
          />
        </div>
      )}
    </div>
  );
}

/** The call that did it, where the transport still knows. */
const doneBy = ({ calls, state }: InspectedEffect) =>
  state === 'done'
    ? calls?.findLast(({ ended_at, failure }) => ended_at !== null && failure === null)
    : undefined;

const queued = ({ scheduled_at, started_at }: EventCall) =>
  since(scheduled_at, started_at ?? new Date().toISOString());

function told(of: InspectedEffect, from: string): string {
  const tries = of.attempts > 0 ? counted(of.attempts, 'try', 'tries') : 'not tried yet';
  const call = doneBy(of);
  if (!call?.started_at || !call.ended_at)
    return of.completed_at ? `after ${span(since(from, of.completed_at))}, ${tries}` : tries;
  const ran = since(call.started_at, call.ended_at);
  return `queued ${span(queued(call))}, ran ${span(ran)}, ${tries}`;
}

function Rail({ of, from, longest }: Pick<TrackProps, 'of' | 'from' | 'longest'>) {
  const place = (at: string) => Math.min(100, (100 * since(from, at)) / longest);
  const part = (kind: string, start: string, end: string) => (
    <i
      class={kind}
      style={{ left: `${place(start)}%`, width: `${Math.max(0, place(end) - place(start))}%` }}
      key={`${kind} ${start}`}
    />
  );
  const now = new Date(Date.parse(from) + longest * 1000).toISOString();
  const [calls, did] = [of.calls ?? [], doneBy(of)];
  return (
    <span class="rail" aria-hidden="true">
      {calls.length === 0 && part(`whole ${of.state}`, from, of.completed_at ?? now)}
      {calls.map((call) => [
        part('queued', call.scheduled_at, call.started_at ?? now),
        call.started_at && part(kindOf(call, did), call.started_at, call.ended_at ?? now),
      ])}
    </span>
  );
}

/** What became of the event in a call. */
function kindOf(call: EventCall, did: EventCall | undefined): string {
  if (call.failure) return 'broke';
  if (call === did) return 'did';
  return call.ended_at ? 'undone' : 'running';
}

/**
 * Endpoints and recipients that are not settled, each for itself; the event as a whole is told of
 * above.
 */
function Targets({ of: { targets, subscriber, letters } }: { of: InspectedEffect }) {
  const parties = targets.filter(({ target }) => target !== null);
  if (parties.length === 0) return null;
  return (
    <ul class="beside bare">
      {parties.map((one) => (
        <li key={one.target}>
          <State is={targetState(one, letters)} />{' '}
          {subscriber === 'webhooks' ? (
            <Id of={one.target ?? ''} href={to(`/endpoints/${one.target}`)} />
          ) : (
            <Id of={one.target ?? ''} />
          )}{' '}
          <span class="muted">
            {counted(one.attempts, 'failed try', 'failed tries')}, the last{' '}
            <When at={one.tried_at} />
            {one.last_error && `: ${one.last_error}`}
            {one.waiting_until && (
              <>
                ; again <When at={one.waiting_until} />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Calls({ of, from }: { of: InspectedEffect['calls']; from: string }) {
  if (!of || of.length === 0) return null;
  return (
    <details class="beside">
      <summary>{counted(of.length, 'call')}</summary>
      <ol class="tries">
        {of.map((call) => (
          <li key={call.scheduled_at}>
            {span(since(from, call.scheduled_at))} after the event:{' '}
            {call.started_at
              ? `queued ${span(queued(call))}`
              : `in its queue for ${span(queued(call))}`}
            {call.started_at &&
              (call.ended_at
                ? `, ran ${span(since(call.started_at, call.ended_at))}`
                : ', at work')}
            {call.attempt > 1 && `, try ${call.attempt} of this call`}
            {call.events > 1 && `, together with ${counted(call.events - 1, 'other event')}`}
            {call.failure && <span class="bad">: {call.failure}</span>}
          </li>
        ))}
      </ol>
    </details>
  );
}
