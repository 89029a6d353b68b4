import type { DeliveryAttempt } from '../../ops/inspect/deliveries.ts';
import type { EndpointInFull } from '../../ops/inspect/endpoints.ts';
import { counted, wanted } from '../format.ts';
import { query, to } from '../location.ts';
import { Choice } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Name, State, When } from '../parts/text.tsx';
import { usePages, useResource } from '../resource.ts';
import { answered, Tries } from './deliveries.tsx';
import { EndpointActions } from './endpoint-actions.tsx';
import { EndpointState } from './endpoints.tsx';

interface Delivery {
  id: string;
  event_id: string | null;
  event_type: string;
  state: 'pending' | 'delivered' | 'failed' | 'missed';
  created_at: string;
  attempts: DeliveryAttempt[];
}

const states: [string, string][] = [
  ['', 'any'],
  ['pending', 'pending'],
  ['delivered', 'delivered'],
  ['failed', 'failed'],
  ['missed', 'missed'],
];

/** One endpoint, and what was sent to it. */
export function EndpointPage({ of: id }: { of: string }) {
  const path = `/v1/ops/endpoints/${encodeURIComponent(id)}`;
  const endpoint = useResource<EndpointInFull>(path, 5000);
  const deliveries = usePages<Delivery>(asked(`${path}/deliveries`, query.value, ['state']), 5000);
  return (
    <>
      <p class="crumbs">
        <a href={to('/endpoints')}>Endpoints</a>
      </p>
      <h1 class="long">{endpoint.data?.url ?? 'Endpoint'}</h1>
      <Loaded of={endpoint}>
        {(of) => (
          <>
            <div class="head">
              <div>
                <EndpointState of={of} />
              </div>
              <EndpointActions
                of={of}
                onChange={() => void Promise.all([endpoint.reload(), deliveries.reload()])}
              />
            </div>
            <p class="muted">
              Of{' '}
              <a href={to('/events', { workspace_id: of.workspace_id })}>
                <Name of={of.workspace_name} />
              </a>
              , since <When at={of.created_at} />. It gets {wanted(of.event_types)}.{' '}
              {of.description}
            </p>
            <Facts of={of} />
            <Answers of={of} />
            <h2>Deliveries</h2>
            <Filters names={['state']} key={query.value.toString()}>
              <Choice
                label="State"
                name="state"
                options={states}
                value={query.value.get('state') ?? ''}
              />
            </Filters>
            <Loaded of={deliveries}>
              {(data) =>
                data.length > 0 ? (
                  <Table deliveries={data} />
                ) : (
                  <Empty title="Nothing was sent to it">Not yet, or nothing in this state.</Empty>
                )
              }
            </Loaded>
            <More more={deliveries.more} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ of: { waiting, given_up } }: { of: EndpointInFull }) {
  return (
    <dl class="facts">
      <dt>Waiting</dt>
      <dd>
        {counted(waiting.count, 'event')} still to be sent to it
        {waiting.oldest_at && (
          <>
            , the oldest of <When at={waiting.oldest_at} />
          </>
        )}
      </dd>
      <dt>Given up</dt>
      <dd>
        {counted(given_up, 'event')}
        {given_up > 0 && (
          <>
            {' '}
            (<a href={to('/failed', { subscriber: 'webhooks' })}>all dead letters of webhooks</a>)
          </>
        )}
      </dd>
    </dl>
  );
}

/** What it answered lately. */
function Answers({ of: { answers } }: { of: EndpointInFull }) {
  if (answers.length === 0) return null;
  return (
    <>
      <h2>Last answers</h2>
      <List heads={['Answer', 'When', 'Event', 'Beginning of the answer']}>
        {answers.map((one) => (
          <tr key={`${one.delivery_id} ${one.attempted_at}`}>
            <th scope="row">
              <State is={one.error === null ? 'delivered' : 'failed'} /> {answered(one)}
            </th>
            <td data-label="When">
              <When at={one.attempted_at} />
            </td>
            <td data-label="Event">{one.event_type}</td>
            <td data-label="Beginning of the answer">
              {one.response_excerpt ? <code>{one.response_excerpt.slice(0, 200)}</code> : '–'}
            </td>
          </tr>
        ))}
      </List>
    </>
  );
}

function Table({ deliveries }: { deliveries: Delivery[] }) {
  return (
    <List heads={['Event', 'State', 'Begun', 'Tries']}>
      {deliveries.map(({ id, event_id, event_type, state, created_at, attempts }) => (
        <tr key={id}>
          <th scope="row">
            {event_id ? (
              <a href={to(`/journey/${event_id}`)} aria-label={`${event_type} ${event_id}`}>
                {event_type}
              </a>
            ) : (
              event_type
            )}
          </th>
          <td data-label="State">
            <State is={state} />
          </td>
          <td data-label="Begun">
            <When at={created_at} />
          </td>
          <td data-label="Tries">
            <Tries of={attempts} />
          </td>
        </tr>
      ))}
    </List>
  );
}
