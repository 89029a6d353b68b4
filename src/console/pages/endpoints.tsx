import type { DeliveryTry } from '../../ops/deliveries.ts';
import { query, to } from '../location.ts';
import { Choice } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { List } from '../parts/list.tsx';
import { More } from '../parts/pager.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { State, When } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { counted, wanted } from '../say.ts';
import { useWorkspaces, WorkspaceChoice } from './events.tsx';

/** A webhook endpoint, as operators are shown it. */
export interface Endpoint {
  id: string;
  url: string;
  description: string | null;
  workspace_id: string;
  workspace_name: string;
  event_types: string[];
  max_per_second: number | null;
  state: 'active' | 'failing' | 'disabled';
  disabled: { reason: string; at: string; by: 'endpoint' | 'owner' | 'operator' } | null;
  failures: number;
  failing_since: string | null;
  failing_cause: string | null;
  next_try_at: string | null;
  resting_until: string | null;
  created_at: string;
}

/** As it is shown by itself. */
export interface EndpointInFull extends Endpoint {
  /** Events still to be sent to it. */
  waiting: { count: number; oldest_at: string | null };
  given_up: number;
  /** Its last ones, newest first. */
  answers: (DeliveryTry & { delivery_id: string; event_type: string })[];
}

const names = ['workspace_id', 'state'];
const states: [string, string][] = [
  ['', 'any'],
  ['failing', 'failing'],
  ['active', 'active'],
  ['disabled', 'disabled'],
];

/** Where webhooks go, and which of these places don't answer. */
export function EndpointsPage() {
  const given = query.value;
  const endpoints = usePages<Endpoint>(asked('/v1/ops/endpoints', given, names), 5000);
  const workspaces = useWorkspaces();
  const isNarrow = names.some((name) => given.get(name));
  return (
    <>
      <h1>Endpoints</h1>
      <Filters names={names} key={given.toString()}>
        <WorkspaceChoice workspaces={workspaces} value={given.get('workspace_id') ?? undefined} />
        <Choice label="State" name="state" options={states} value={given.get('state') ?? ''} />
      </Filters>
      <Loaded of={endpoints}>
        {(data) =>
          data.length > 0 ? (
            <Table endpoints={data} />
          ) : (
            <Empty title={isNarrow ? 'No such endpoint' : 'Nobody has asked for webhooks yet'}>
              {isNarrow ? 'Nothing fits all of that.' : 'Workspaces make endpoints with POST /v1/endpoints.'}
            </Empty>
          )
        }
      </Loaded>
      <More more={endpoints.more} />
    </>
  );
}

function Table({ endpoints }: { endpoints: Endpoint[] }) {
  return (
    <List heads={['Endpoint', 'State', 'Workspace', 'Wants']}>
      {endpoints.map((endpoint) => (
        <tr key={endpoint.id}>
          <th scope="row">
            <a href={to(`/endpoints/${endpoint.id}`)}>{endpoint.url}</a>
            {endpoint.description && <small>{endpoint.description}</small>}
          </th>
          <td data-label="State">
            <EndpointState of={endpoint} />
          </td>
          <td data-label="Workspace">
            <a href={to('/events', { workspace_id: endpoint.workspace_id })}>{endpoint.workspace_name}</a>
          </td>
          <td data-label="Wants">{wanted(endpoint.event_types)}</td>
        </tr>
      ))}
    </List>
  );
}

const disabledBy = { endpoint: 'the endpoint itself', owner: 'its owner', operator: 'an operator' };

const isAhead = (moment: string | null): moment is string => moment !== null && Date.parse(moment) > Date.now();

/** Whether it answers; where it does not, since when, why, and when it is tried again. */
export function EndpointState({ of }: { of: Endpoint }) {
  return (
    <>
      <State is={of.state} />
      {of.disabled && (
        <small>
          since <When at={of.disabled.at} />, by {disabledBy[of.disabled.by]}: {of.disabled.reason}
        </small>
      )}
      {isAhead(of.resting_until) && (
        <small>
          asked for a rest until <When at={of.resting_until} />
        </small>
      )}
      {of.failing_since && (
        <small>
          since <When at={of.failing_since} />, {counted(of.failures, 'failure')} in a row
          {of.failing_cause && `: ${of.failing_cause}`}
          {of.next_try_at && (
            <>
              ; tried again <When at={of.next_try_at} />
            </>
          )}
        </small>
      )}
      {of.max_per_second !== null && <small>{of.max_per_second}/s at most</small>}
    </>
  );
}
