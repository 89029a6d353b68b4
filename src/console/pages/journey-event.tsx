import { useState } from 'preact/hooks';
import type { InspectedEvent } from '../../ops/inspect/inspect.ts';
import { moment, span } from '../format.ts';
import { to } from '../location.ts';
import { Id, Workflow } from '../parts/text.tsx';
import { SettleDialog, type Settling } from './dead-letter-dialog.tsx';
import { Deliveries } from './deliveries.tsx';
import { Track } from './track.tsx';

const since = (from: string, at: string) => Math.max(0, (Date.parse(at) - Date.parse(from)) / 1000);

/**
 * One event of a journey: whose it is, when it was dispatched, and each effect on one scale of
 * time.
 */
export function Step({ of, onChange }: { of: InspectedEvent; onChange: () => void }) {
  const [settling, setSettling] = useState<Settling | null>(null);
  const { timestamp, dispatched_at, effects, deliveries } = of;
  const ends = effects.flatMap(({ completed_at, calls }) => [
    completed_at,
    ...(calls ?? []).map(({ ended_at }) => ended_at),
  ]);
  const longest = Math.max(0.001, ...ends.flatMap((end) => (end ? [since(timestamp, end)] : [])));
  return (
    <section class="step" aria-label={of.type}>
      <div class="head">
        <h2>{of.type}</h2>
        <Workflow of={of.workflow} label="Workflow in Temporal" />
      </div>
      <p class="muted">
        <time dateTime={timestamp}>{moment(timestamp)}</time>
        {dispatched_at
          ? `, dispatched ${span(since(timestamp, dispatched_at))} later`
          : ', not dispatched yet'}
        {of.seq !== null && `, place ${of.seq} in `}
        {of.channel_id && (
          <a href={to('/events', { channel_id: of.channel_id })}>
            {of.channel_name ?? <Id of={of.channel_id} />}
          </a>
        )}
        {' of '}
        <a href={to('/events', { workspace_id: of.workspace_id })}>
          {of.workspace_name ?? <Id of={of.workspace_id} />}
        </a>
      </p>
      {effects.length === 0 ? (
        <p class="muted">No subscriber wants such events, or what was done of it has expired.</p>
      ) : (
        <>
          {effects.map((effect) => (
            <Track
              of={effect}
              from={timestamp}
              longest={longest}
              ask={setSettling}
              key={effect.subscriber}
            />
          ))}
          <p class="key muted">
            From when the event was stored to {span(longest)} later: <i class="queued" /> in a
            queue, <i class="did" /> at work and done, <i class="undone" /> at work and not done,{' '}
            <i class="broke" /> failed.
          </p>
        </>
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
      {settling && (
        <SettleDialog {...settling} onClose={() => setSettling(null)} onDone={onChange} />
      )}
    </section>
  );
}
