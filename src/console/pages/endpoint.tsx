import { query, to } from '../location.ts';
import { Choice } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { List } from '../parts/list.tsx';
import { More } from '../parts/pager.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { State, When } from '../parts/text.tsx';
import { usePages, useResource } from '../resource.ts';
import { counted } from '../say.ts';
import { type Endpoint, EndpointState } from './endpoints.tsx';

interface Delivery {
  id: string;
  event_id: string | null;
  event_type: string;
  state: 'pending' | 'delivered' | 'failed' | 'missed';
  created_at: string;
  attempts: { attempted_at: string; status: number | null; latency_ms: number; error: string | null; response_excerpt: string | null }[];
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
  const endpoint = useResource<Endpoint>(path, 5000);
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
            <p>
              <EndpointState of={of} />
            </p>
            <p class="muted">
              Of <a href={to('/events', { workspace_id: of.workspace_id })}>{of.workspace_name}</a>, since <When at={of.created_at} />.{' '}
              {of.description}
            </p>
            <h2>Deliveries</h2>
            <Filters names={['state']} key={query.value.toString()}>
              <Choice label="State" name="state" options={states} value={query.value.get('state') ?? ''} />
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

function Tries({ of }: { of: Delivery['attempts'] }) {
  const last = of.at(-1);
  if (!last) return <>none yet</>;
  return (
    <details>
      <summary>
        {counted(of.length, 'try', 'tries')}, the last: {last.error ?? last.status} in {last.latency_ms} ms
      </summary>
      <ol class="tries">
        {of.map((attempt, i) => (
          <li key={i}>
            <When at={attempt.attempted_at} />: {attempt.error ?? attempt.status} in {attempt.latency_ms} ms
            {attempt.response_excerpt && <pre>{attempt.response_excerpt}</pre>}
          </li>
        ))}
      </ol>
    </details>
  );
}
