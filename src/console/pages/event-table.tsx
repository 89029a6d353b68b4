import type { ListedEvent, Outcome } from '../../ops/inspect/events.ts';
import { moment } from '../format.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Id, Name, State, When } from '../parts/text.tsx';

/** Events, each with what became of it, the way to the whole of that, and to its neighbours. */
export function EventTable({ events }: { events: ListedEvent[] }) {
  return (
    <List heads={['Event', 'Outcome', 'When', 'Workspace', 'Key', ['Place', 'number'], 'Message']}>
      {events.map((event) => (
        <tr key={event.id}>
          <th scope="row">
            <a href={to(`/journey/${event.id}`)} aria-label={`${event.type} ${event.id}`}>
              {event.type}
            </a>
          </th>
          <td data-label="Outcome">
            {isStillToCome(event) ? <Coming of={event} /> : <Became of={event.outcome} />}
          </td>
          <td data-label="When">
            <When at={event.timestamp} />
          </td>
          <td data-label="Workspace">
            <a href={to('/events', { workspace_id: event.workspace_id })}>
              {event.workspace_name ? (
                <Name of={event.workspace_name} />
              ) : (
                <Id of={event.workspace_id} />
              )}
            </a>
          </td>
          <td data-label="Key">
            <Key of={event} />
          </td>
          <td data-label="Place" class="number" title="Its place among the events of its key">
            {event.seq ?? '–'}
          </td>
          <td data-label="Message">
            {event.message_id ? (
              <Id of={event.message_id} href={to(`/journey/${event.message_id}`)} />
            ) : (
              '–'
            )}
          </td>
        </tr>
      ))}
    </List>
  );
}

/** What an event is in order with: its channel, or the key it was emitted with. */
export function Key({ of }: { of: KeyedEvent }) {
  const { channel_id, channel_name, key, workspace_id } = of;
  if (channel_id)
    return (
      <a href={to('/events', { channel_id })}>
        {channel_name ? <Name of={channel_name} /> : <Id of={channel_id} />}
      </a>
    );
  if (key === null) return <>–</>;
  return (
    <a href={to('/events', { workspace_id, key })}>
      <Name of={key} />
    </a>
  );
}

type KeyedEvent = Pick<ListedEvent, 'channel_id' | 'channel_name' | 'key' | 'workspace_id'>;

/** Nothing has happened because of it: it is for later, or was cancelled. */
export const isStillToCome = ({ state }: Pick<ListedEvent, 'state'>): boolean =>
  state === 'scheduled' || state === 'cancelled';

/** What is to become of an event, or was. */
export function Coming({ of }: { of: Pick<ListedEvent, 'state' | 'deliver_at'> }) {
  const { state = '', deliver_at = '' } = of;
  return (
    <>
      <State is={state} />
      <small>
        for <time dateTime={deliver_at}>{moment(deliver_at)}</time>
      </small>
    </>
  );
}

/** The worst of its effects, in a word. */
function worstOf({ failed, open, discarded }: Outcome): string {
  if (failed > 0) return 'failed';
  if (open > 0) return 'open';
  return discarded > 0 ? 'discarded' : 'done';
}

/** The worst of its effects in a word, and how many are how. */
function Became({ of }: { of: Outcome | null }) {
  if (of === null)
    return <span title="No subscriber takes it, or what was done of it has expired">–</span>;
  const { done, failed, discarded, open } = of;
  const total = done + failed + discarded + open;
  const others = [
    failed > 0 && `${failed} failed`,
    open > 0 && `${open} open`,
    discarded > 0 && `${discarded} discarded`,
  ].filter(Boolean);
  return (
    <>
      <State is={worstOf(of)} />
      <small>{[`${done} of ${total} effects done`, ...others].join(', ')}</small>
    </>
  );
}
