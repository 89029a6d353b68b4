import type { Retirement } from '../../ops/status/retirement.ts';
import type { PerWorkspace, SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { count, counted, percent, rate, span } from '../format.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { State, When } from '../parts/text.tsx';
import { useResource } from '../resource.ts';
import { Steer } from './controls-dialog.tsx';
import { SubscribeButton } from './http-subscriber.tsx';

/** Who does something because of events, how each is doing, and steering it. */
export function SubscribersPage() {
  const subscribers = useResource<{ data: SubscriberStatus[] }>(
    '/v1/ops/subscribers?limit=200',
    3000,
  );
  return (
    <>
      <h1>Subscribers</h1>
      <SubscribeButton onChange={() => void subscribers.reload()} />
      <Loaded of={subscribers}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="Nobody subscribes yet">
              Start <code>knockon worker effects</code>: each effect registers itself and is listed
              here.
            </Empty>
          ) : (
            <>
              <List
                heads={[
                  'Subscriber',
                  'State',
                  ['Backlog', 'number'],
                  ['Oldest', 'number'],
                  ['Done/s', 'number'],
                  ['Failed tries', 'number'],
                  ['Workers', 'number'],
                  ['Actions', 'unseen'],
                ]}
              >
                {data.map((subscriber) => (
                  <Row
                    of={subscriber}
                    onChange={() => void subscribers.reload()}
                    key={subscriber.name}
                  />
                ))}
              </List>
              <p class="muted note">
                Backlog: events that are due, and neither done nor given up. Oldest: the age of the
                oldest of them. Done/s: events a second, over the last minute. Failed tries: their
                part in those of the last five minutes.
              </p>
            </>
          )
        }
      </Loaded>
    </>
  );
}

function Row({ of, onChange }: { of: SubscriberStatus; onChange: () => void }) {
  return (
    <tr data-subscriber={of.name}>
      <th scope="row">
        <a href={to(`/subscribers/${encodeURIComponent(of.name)}`)}>{of.name}</a>
        <small>{of.description}</small>
      </th>
      <td data-label="State">
        <SubscriberState of={of} />
        <Why of={of} />
      </td>
      <td data-label="Backlog" class="number" data-figure="backlog">
        {count(of.backlog)}
        {of.waiting > 0 && (
          <small
            title={'They wait for a moment of their own, such as a mail that gives its reader time'}
          >
            + {count(of.waiting)} on a timer
          </small>
        )}
      </td>
      <td data-label="Oldest" class="number">
        {of.backlog > 0 ? span(of.backlog_age_seconds) : '–'}
      </td>
      <td data-label="Done/s" class="number">
        {rate(of.rate)}
      </td>
      <td data-label="Failed tries" class={`number ${of.error_rate > 0.05 ? 'bad' : ''}`}>
        {percent(of.error_rate)}
      </td>
      <td data-label="Workers" class={`number ${of.workers === 0 && !of.retired ? 'bad' : ''}`}>
        {count(of.workers)}
        {of.versions.length > 1 && (
          <small class="bad">{counted(of.versions.length, 'version')}</small>
        )}
      </td>
      <td class="last">
        <Steer of={of} onChange={onChange} />
      </td>
    </tr>
  );
}

/**
 * What operators want of it, and how it is doing where that is not well: nothing is green that does
 * not work.
 */
export function SubscriberState({ of: { state, health } }: { of: SubscriberStatus }) {
  const isMeant = health === 'ok' ? true : state !== 'active';
  return (
    <span class="states">
      {isMeant && <State is={state} />}
      {health === 'down' && <State is="no workers" tone={state === 'paused' ? 'plain' : 'bad'} />}
      {(health === 'failing' || health === 'degraded') && <State is={health} />}
    </span>
  );
}

/** What becomes of what a retired subscriber has open. */
function wayOf({ open, handed_to }: Retirement): string {
  if (open === 'finish') return 'is finished by its workers';
  return open === 'discard' ? 'is given up' : `is handed to ${handed_to}`;
}

/** What one workspace may take of it. */
function WorkspaceLimits({ of: { concurrency, per_second, own } }: { of: PerWorkspace }) {
  const limits = [
    ...(concurrency === null ? [] : [`${counted(concurrency, 'call')} at once`]),
    ...(per_second === null ? [] : [`${rate(per_second)}/s`]),
  ];
  return (
    <>
      {limits.length > 0 && <small>{limits.join(' and ')} a workspace at most</small>}
      {own.length > 0 && <small>{counted(own.length, 'workspace')} with limits of their own</small>}
    </>
  );
}

/**
 * Why it does not do well, who has paused it, why and until when; what its limit is; whether
 * Temporal has heard of it.
 */
export function Why({
  of: { paused, per_second, per_workspace, drained, applied, health, error_rate, retired },
}: {
  of: SubscriberStatus;
}) {
  return (
    <>
      {health === 'down' && <small>its events wait until a worker takes them</small>}
      {(health === 'failing' || health === 'degraded') && (
        <small>{percent(error_rate)} of the tries of the last 5 minutes failed</small>
      )}
      {retired && (
        <small>
          By {retired.by}, <When at={retired.at} />. What was open{' '}
          <a href={to(`/jobs/${retired.operation_id}`)}>{wayOf(retired)}</a>
        </small>
      )}
      {paused && (
        <small>
          {drained ? 'Drained. ' : ''}By {paused.by}, <When at={paused.at} />: {paused.reason}
          {paused.until && (
            <>
              {' '}
              (resumes <When at={paused.until} />)
            </>
          )}
        </small>
      )}
      {per_second !== null && <small>{rate(per_second)}/s at most</small>}
      <WorkspaceLimits of={per_workspace} />
      {!applied && <small class="bad">not applied yet: the transport does not answer</small>}
    </>
  );
}
