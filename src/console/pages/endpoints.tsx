import type { EndpointEntry } from '../../ops/inspect/endpoints.ts';
import { counted, wanted } from '../format.ts';
import { query, to } from '../location.ts';
import { Choice } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Name, State, When } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { useWorkspaces, WorkspaceChoice } from './events.tsx';

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
  const endpoints = usePages<EndpointEntry>(asked('/v1/ops/endpoints', given, names), 5000);
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
              {isNarrow
                ? 'Nothing fits all of that.'
                : 'Workspaces make endpoints with POST /v1/endpoints.'}
            </Empty>
          )
        }
      </Loaded>
      <More more={endpoints.more} />
    </>
  );
}

function Table({ endpoints }: { endpoints: EndpointEntry[] }) {
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
            <a href={to('/events', { workspace_id: endpoint.workspace_id })}>
              <Name of={endpoint.workspace_name} />
            </a>
          </td>
          <td data-label="Wants">{wanted(endpoint.event_types)}</td>
        </tr>
      ))}
    </List>
  );
}

const disabledBy = { endpoint: 'the endpoint itself', owner: 'its owner', operator: 'an operator' };

const isAhead = (moment: string | null): moment is string =>
  moment !== null && Date.parse(moment) > Date.now();

/** Whether it answers; where it does not, since when, why, and when it is tried again. */
export function EndpointState({ of }: { of: EndpointEntry }) {
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
