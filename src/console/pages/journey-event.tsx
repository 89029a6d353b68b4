import { useState } from 'preact/hooks';
import type { InspectedEvent } from '../../ops/inspect/inspect-event.ts';
import { moment, since, span } from '../format.ts';
import { to } from '../location.ts';
import { Id, Name, Workflow } from '../parts/text.tsx';
import { type Ask, SettleDialog, type Settling } from './dead-letter-dialog.tsx';
import { Deliveries } from './deliveries.tsx';
import { Coming, isStillToCome, Key } from './event-table.tsx';
import { Track } from './track.tsx';

/**
 * One event of a journey: whose it is, when it was dispatched, and each effect on one scale of
 * time.
 */
export function JourneyEvent({ of, onChange }: { of: InspectedEvent; onChange: () => void }) {
  const [settling, setSettling] = useState<Settling | null>(null);
  const { effects, deliveries } = of;
  return (
    <section class="step" aria-label={of.type}>
      <div class="head">
        <h2>{of.type}</h2>
        <Workflow of={of.workflow} label="Workflow in Temporal" />
      </div>
      <Origin of={of} />
      {isStillToCome(of) ? (
        <p>
          <Coming of={of} />
        </p>
      ) : effects.length === 0 ? (
        <p class="muted">No subscriber takes such events, or what was done of it has expired.</p>
      ) : (
        <Tracks of={of} ask={setSettling} />
      )}
      {deliveries.length > 0 && <Deliveries of={deliveries} />}
      <Content of={of} />
      {settling && (
        <SettleDialog {...settling} onClose={() => setSettling(null)} onDone={onChange} />
      )}
    </section>
  );
}

/** When it was to be dispatched: at once, but for what was scheduled. */
const begin = ({ timestamp, deliver_at }: InspectedEvent): string => deliver_at ?? timestamp;

/** When it was stored and dispatched, and where it belongs. */
function Origin({ of }: { of: InspectedEvent }) {
  const { timestamp, deliver_at, dispatched_at } = of;
  return (
    <p class="muted">
      <time dateTime={timestamp}>{moment(timestamp)}</time>
      {deliver_at && `, for ${moment(deliver_at)}`}
      {dispatched_at
        ? `, dispatched ${span(since(begin(of), dispatched_at))} later`
        : ', not dispatched yet'}
      {of.seq !== null && `, place ${of.seq} in `}
      {of.key !== null && <Key of={of} />}
      {' of '}
      <a href={to('/events', { workspace_id: of.workspace_id })}>
        {of.workspace_name ? <Name of={of.workspace_name} /> : <Id of={of.workspace_id} />}
      </a>
    </p>
  );
}

function Tracks({ of: event, ask }: { of: InspectedEvent; ask: Ask }) {
  const { effects } = event;
  const from = begin(event);
  const ends = effects.flatMap(({ completed_at, calls }) => [
    completed_at,
    ...(calls ?? []).map(({ ended_at }) => ended_at),
  ]);
  const longest = Math.max(0.001, ...ends.flatMap((end) => (end ? [since(from, end)] : [])));
  const whole = span(longest);
  return (
    <>
      {effects.map((of) => (
        <Track of={of} from={from} longest={longest} ask={ask} key={of.subscriber} />
      ))}
      <p class="key muted">
        From when the event was stored to {whole} later: <i class="queued" /> in a queue,{' '}
        <i class="did" /> at work and done, <i class="undone" /> at work and not done,{' '}
        <i class="broke" /> failed.
      </p>
    </>
  );
}

function Content({ of: { id, message_id, payload } }: { of: InspectedEvent }) {
  return (
    <details>
      <summary>What the event says</summary>
      <p class="muted">
        Event <Id of={id} />
        {message_id && (
          <>
            , message <Id of={message_id} />
          </>
        )}
      </p>
      <pre>{JSON.stringify(payload, null, 2)}</pre>
    </details>
  );
}
