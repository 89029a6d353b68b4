import type { ListedEvent } from '../../ops/inspect/events.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { query } from '../location.ts';
import { Choice, Field } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { usePages, useResource } from '../resource.ts';
import { EventTable } from './event-table.tsx';

const names = [
  'outcome',
  'state',
  'workspace_id',
  'type',
  'channel_id',
  'key',
  'from',
  'to',
  'message_id',
];

const outcomes: [string, string][] = [
  ['', 'any'],
  ['failed', 'failed only'],
];

const states: [string, string][] = [
  ['', 'all'],
  ['scheduled', 'scheduled only'],
  ['cancelled', 'cancelled only'],
];

/** The log of all workspaces, to be searched through. */
export function EventsPage() {
  const given = query.value;
  const events = usePages<ListedEvent>(asked('/v1/ops/events', given, names), 4000);
  const isNarrow = names.some((name) => given.get(name));
  return (
    <>
      <h1>Events</h1>
      <EventFilters key={given.toString()} />
      <Loaded of={events}>
        {(data) =>
          data.length > 0 ? (
            <EventTable events={data} />
          ) : isNarrow ? (
            <Empty title={given.get('outcome') ? 'No such event has failed' : 'No such event'}>
              Nothing in the log fits all of that. Leave something out.
            </Empty>
          ) : (
            <Empty title="The log is empty">
              The first message that is posted is the first event here.
            </Empty>
          )
        }
      </Loaded>
      <More more={events.more} />
    </>
  );
}

/** Types that somebody subscribes to, and those of messages: any other can be written too. */
const usual = ['message.created', 'message.updated', 'message.deleted'];

function EventFilters() {
  const value = (name: string) => query.value.get(name) ?? undefined;
  const workspaces = useWorkspaces();
  const { data } = useResource<{ data: SubscriberStatus[] }>('/v1/ops/subscribers?limit=200');
  const types = new Set([
    ...usual,
    ...(data?.data ?? []).flatMap((subscriber) => subscriber.event_types),
  ]);
  return (
    <Filters names={names}>
      <Choice label="Outcome" name="outcome" options={outcomes} value={value('outcome')} />
      <Choice label="For later" name="state" options={states} value={value('state')} />
      <WorkspaceChoice workspaces={workspaces} value={value('workspace_id')} />
      <Field
        label="Type"
        name="type"
        list={[...types].filter((type) => !type.includes('*')).sort()}
        value={value('type')}
      />
      <Field label="Channel’s id" name="channel_id" value={value('channel_id')} />
      <Field label="Key (of a workspace)" name="key" value={value('key')} />
      <Field label="From" name="from" type="datetime-local" value={value('from')} />
      <Field label="To" name="to" type="datetime-local" value={value('to')} />
    </Filters>
  );
}

interface WorkspaceEntry {
  id: string;
  name: string;
}

export const useWorkspaces = (): WorkspaceEntry[] =>
  useResource<{ data: WorkspaceEntry[] }>('/v1/ops/workspaces?limit=200').data?.data ?? [];

/** One of the newest workspaces; one that the address names is there however old it is. */
export function WorkspaceChoice({
  workspaces,
  value,
}: {
  workspaces: WorkspaceEntry[];
  value: string | undefined;
}) {
  const isListed = value === undefined || workspaces.some(({ id }) => id === value);
  const options: [string, string][] = [
    ['', 'all'],
    ...(isListed ? [] : [[value, value] as [string, string]]),
    ...workspaces.map(({ id, name }) => [id, name] as [string, string]),
  ];
  return <Choice label="Workspace" name="workspace_id" options={options} value={value} />;
}
