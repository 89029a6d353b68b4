import type { LoggedEvent } from '../../ops/events.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Id, When } from '../parts/text.tsx';

/** Events, each with the way to what became of it and to its neighbours. */
export function EventTable({ events }: { events: LoggedEvent[] }) {
  return (
    <List heads={['Event', 'When', 'Workspace', 'Channel', ['Place', 'number'], 'Message']}>
      {events.map((event) => (
        <tr key={event.id}>
          <th scope="row">
            <a href={to(`/journey/${event.id}`)} aria-label={`${event.type} ${event.id}`}>
              {event.type}
            </a>
          </th>
          <td data-label="When">
            <When at={event.timestamp} />
          </td>
          <td data-label="Workspace">
            <a href={to('/events', { workspace_id: event.workspace_id })}>{event.workspace_name ?? event.workspace_id}</a>
          </td>
          <td data-label="Channel">
            {event.channel_id ? <a href={to('/events', { channel_id: event.channel_id })}>{event.channel_name ?? 'a deleted one'}</a> : '–'}
          </td>
          <td data-label="Place" class="number">
            {event.seq ?? '–'}
          </td>
          <td data-label="Message">{event.message_id ? <Id of={event.message_id} href={to(`/journey/${event.message_id}`)} /> : '–'}</td>
        </tr>
      ))}
    </List>
  );
}
