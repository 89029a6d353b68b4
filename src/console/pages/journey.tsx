import { useEffect, useState } from 'preact/hooks';
import type { ListedEvent } from '../../ops/inspect/events.ts';
import type { InspectedEvent } from '../../ops/inspect/inspect-event.ts';
import { CallError, call } from '../calls.ts';
import { go, to } from '../location.ts';
import { Field, written } from '../parts/fields.tsx';
import { Empty, Failure } from '../parts/states.tsx';
import { EventTable } from './event-table.tsx';
import { JourneyEvent } from './journey-event.tsx';

/** What an id led to. */
type Found = { events: InspectedEvent[] } | { several: ListedEvent[] };

/** How often a journey that goes on is looked at again, in ms. */
const EVERY = 2000;

/**
 * What became of one message: looked up by its id, that of an event, or that of a workflow in
 * Temporal.
 */
export function JourneyPage({ of: id }: { of: string }) {
  return (
    <>
      <h1>Journey</h1>
      <Lookup id={id} />
      {id === '' ? (
        <Empty title="What became of a message?">
          Put in the id of a message, of an event, or of a workflow that you see in the Temporal UI.
          Every list here links to it too.
        </Empty>
      ) : (
        <Journey id={id} />
      )}
    </>
  );
}

function Lookup({ id }: { id: string }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = written(new FormData(event.currentTarget as HTMLFormElement), 'id');
    if (wanted) go(to(`/journey/${encodeURIComponent(wanted)}`));
  };
  return (
    <search>
      <form class="lookup" onSubmit={(event) => submit(event as SubmitEvent)}>
        <Field
          label="Id of a message, an event or a workflow"
          name="id"
          type="search"
          required
          value={id}
        />
        <button type="submit" class="primary">
          Look up
        </button>
      </form>
    </search>
  );
}

/**
 * A message, an event, or a workflow: whatever has the id. @throws CallError 404 where nothing has
 * it
 */
async function find(id: string): Promise<Found> {
  const { data } = await call<{ data: ListedEvent[] }>(
    `/v1/ops/events?about=${encodeURIComponent(id)}&limit=200`,
  );
  const [first] = data;
  if (!first)
    throw new CallError(
      404,
      'No message, no event and no workflow of ours has this id, or it has expired.',
    );
  if (data.every((event) => event.message_id === id))
    return await call<{ events: InspectedEvent[] }>(`/v1/ops/messages/${id}/effects`);
  return data.length > 1
    ? { several: data }
    : { events: [await call<InspectedEvent>(`/v1/ops/events/${first.id}`)] };
}

/** What is given up may be being tried again. */
const goesOn = (found: Found) =>
  'events' in found &&
  found.events.some(({ effects }) =>
    effects.some(({ state, discarded }) => state !== 'done' && !discarded),
  );

function Journey({ id }: { id: string }) {
  const [found, setFound] = useState<Found | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const look = () =>
    find(id).then((what) => {
      setFound(what);
      setError(null);
    }, setError);
  const isOpen = found === null ? error === null : goesOn(found);
  useEffect(() => void look(), [id]);
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(() => void (document.hidden || look()), EVERY);
    return () => clearInterval(timer);
  }, [isOpen, id]);
  if (error && !found) return <Failure error={error} retry={look} />;
  if (!found) return <p class="loading">Loading …</p>;
  if ('several' in found)
    return (
      <>
        <h2>The workflow was started with {found.several.length} events</h2>
        <EventTable events={found.several} />
      </>
    );
  return (
    <>
      {found.events.map((event) => (
        <JourneyEvent of={event} onChange={() => void look()} key={event.id} />
      ))}
    </>
  );
}
