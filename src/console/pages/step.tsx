import type { InspectedEvent } from '../../ops/inspect.ts';
import type { EffectState } from '../../ops/journey.ts';
import { to } from '../location.ts';
import { Id, State, Workflow } from '../parts/text.tsx';
import { counted, moment, span } from '../say.ts';

const since = (from: string, at: string) => Math.max(0, (Date.parse(at) - Date.parse(from)) / 1000);

/** One event of a journey: whose it is, when it was dispatched, and each effect on one scale of time. */
export function Step({ of }: { of: InspectedEvent }) {
  const { timestamp, dispatched_at, effects, deliveries } = of;
  const ends = effects.flatMap(({ completed_at }) => (completed_at ? [since(timestamp, completed_at)] : []));
  const longest = Math.max(0.001, ...ends);
  return (
    <section class="step" aria-label={of.type}>
      <div class="head">
        <h2>{of.type}</h2>
        <Workflow of={of.workflow} label="Workflow in Temporal" />
      </div>
      <p class="muted">
        <time dateTime={timestamp}>{moment(timestamp)}</time>
        {dispatched_at ? `, dispatched ${span(since(timestamp, dispatched_at))} later` : ', not dispatched yet'}
        {of.seq !== null && `, place ${of.seq} in `}
        {of.channel_id && <a href={to('/events', { channel_id: of.channel_id })}>{of.channel_name ?? of.channel_id}</a>}
        {' of '}
        <a href={to('/events', { workspace_id: of.workspace_id })}>{of.workspace_name ?? of.workspace_id}</a>
      </p>
      {effects.length === 0 ? (
        <p class="muted">Nobody wants such events, or what was done of it has expired.</p>
      ) : (
        effects.map((effect) => <Track of={effect} from={timestamp} longest={longest} key={effect.subscriber} />)
      )}
      {deliveries.length > 0 && <Deliveries of={deliveries} />}
      <details>
        <summary>What the event says</summary>
        <p class="muted">
          Event <Id of={of.id} />
          {of.message_id && (
            <>
              , message <Id of={of.message_id} />
            </>
          )}
        </p>
        <pre>{JSON.stringify(of.payload, null, 2)}</pre>
      </details>
    </section>
  );
}

function Track({ of, from, longest }: { of: EffectState; from: string; longest: number }) {
  const { subscriber, state, attempts, last_error, completed_at } = of;
  const end = completed_at ? since(from, completed_at) : longest;
  const tries = attempts > 0 ? counted(attempts, 'try', 'tries') : 'not tried yet';
  return (
    <div class="track" data-effect={subscriber} data-state={state}>
      <a href={to(`/subscribers/${encodeURIComponent(subscriber)}`)}>{subscriber}</a>
      <span>
        <State is={state} />
      </span>
      <span class="rail" aria-hidden="true">
        <i class={state} style={{ width: `${Math.min(100, (100 * end) / longest)}%` }} />
      </span>
      <span class="told">{completed_at ? `after ${span(end)}, ${tries}` : tries}</span>
      {last_error && <span class="error">{last_error}</span>}
    </div>
  );
}

function Deliveries({ of }: { of: InspectedEvent['deliveries'] }) {
  return (
    <>
      <h3>Posted to</h3>
      <ul class="bare">
        {of.map(({ id, endpoint_id, url, state, attempts, status, error }) => (
          <li key={id}>
            <State is={state} /> <a href={to(`/endpoints/${endpoint_id}`)}>{url ?? 'a deleted endpoint'}</a>{' '}
            <span class="muted">
              {counted(attempts, 'try', 'tries')}
              {status !== null && `, answered ${status}`}
              {status === null && error && `: ${error}`}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
