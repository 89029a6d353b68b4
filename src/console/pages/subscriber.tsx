import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { counted, percent, rate, span, wanted } from '../format.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { TaskQueue, When } from '../parts/text.tsx';
import { useResource } from '../resource.ts';
import { Steer } from './controls-dialog.tsx';
import { HttpFacts } from './http-subscriber.tsx';
import { SubscriberState, Why } from './subscribers.tsx';

/** One subscriber: all that is known of it, and the processes that do its work. */
export function SubscriberPage({ of: name }: { of: string }) {
  const path = `/v1/ops/subscribers/${encodeURIComponent(name)}`;
  const subscriber = useResource<SubscriberStatus>(path, 3000);
  return (
    <>
      <p class="crumbs">
        <a href={to('/subscribers')}>Subscribers</a>
      </p>
      <h1>{name}</h1>
      <Loaded of={subscriber}>
        {(of) => (
          <>
            <p class="muted">{of.description}</p>
            <Steer of={of} onChange={() => void subscriber.reload()} />
            <Facts of={of} />
            <HttpFacts of={of} onChange={() => void subscriber.reload()} />
            <h2>Workers</h2>
            <Workers of={of} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ of }: { of: SubscriberStatus }) {
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <SubscriberState of={of} />
        <Why of={of} />
      </dd>
      <dt>Backlog</dt>
      <dd>
        {counted(of.backlog, 'event')}
        {of.backlog > 0 && `, the oldest for ${span(of.backlog_age_seconds)}`}
        {of.waiting > 0 && (
          <small>{counted(of.waiting, 'event')} more on timers of their own, and not late</small>
        )}
      </dd>
      <dt>Queue</dt>
      <dd>
        <TaskQueue name={of.task_queue} />
        <small>
          {of.queue
            ? `${counted(of.queue.calls, 'call')} in it that no worker has taken; a call is for ` +
              'up to a batch of events'
            : 'The transport does not answer.'}
        </small>
      </dd>
      <dt>Done</dt>
      <dd>
        {rate(of.rate)} a second over the last minute; {percent(of.error_rate)} of the tries of the
        last five minutes failed
      </dd>
      <dt>Wants</dt>
      <dd>{wanted(of.event_types)}</dd>
      <dt>Given up</dt>
      <dd>
        <a href={to('/failed', { subscriber: of.name })}>Show its dead letters</a>
      </dd>
    </dl>
  );
}

function Workers({ of: { processes, name } }: { of: SubscriberStatus }) {
  if (processes.length === 0)
    return (
      <Empty title="No worker takes its calls">
        Its events wait until one does. Start it with{' '}
        <code>knockon worker effects --only {name}</code>.
      </Empty>
    );
  return (
    <List heads={['Process', 'Version', ['Calls under way', 'number'], 'Seen']}>
      {processes.map(({ identity, version, running, concurrency, seen_at }) => (
        <tr key={identity}>
          <th scope="row">
            <code>{identity}</code>
          </th>
          <td data-label="Version">{version ?? 'not said'}</td>
          <td data-label="Calls under way" class="number">
            {running === null ? '–' : `${running} of ${concurrency}`}
          </td>
          <td data-label="Seen">
            <When at={seen_at} />
          </td>
        </tr>
      ))}
    </List>
  );
}
