import type { EventTypeVersion } from '../../ops/event-types/list.ts';
import { to } from '../location.ts';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { When } from '../parts/text.tsx';
import { usePages, useResource } from '../resource.ts';

const sources = { code: 'declared in code', api: 'by the API' };

/** What may be emitted. */
export function EventTypesPage() {
  const types = usePages<EventTypeVersion>('/v1/ops/event_types', 5000);
  return (
    <>
      <h1>Event types</h1>
      <Loaded of={types}>
        {(data) =>
          data.length > 0 ? (
            <List heads={['Event type', ['Version', 'number'], 'Source', 'Since']}>
              {data.map((type) => (
                <tr key={type.name}>
                  <th scope="row">
                    <a href={to(`/event-types/${encodeURIComponent(type.name)}`)}>{type.name}</a>
                    {type.description && <small>{type.description}</small>}
                  </th>
                  <td data-label="Version" class="number">
                    {type.version}
                  </td>
                  <td data-label="Source">{sources[type.source]}</td>
                  <td data-label="Since">
                    <When at={type.created_at} />
                  </td>
                </tr>
              ))}
            </List>
          ) : (
            <Empty title="No event type yet">
              A process writes those that it declares when it starts.
            </Empty>
          )
        }
      </Loaded>
      <More more={types.more} />
    </>
  );
}

interface InFull extends EventTypeVersion {
  versions: Omit<EventTypeVersion, 'name'>[];
}

/** One event type: its versions, with their schemas and examples. */
export function EventTypePage({ of: name }: { of: string }) {
  const type = useResource<InFull>(`/v1/ops/event_types/${encodeURIComponent(name)}`, 5000);
  return (
    <>
      <p class="crumbs">
        <a href={to('/event-types')}>Event types</a>
      </p>
      <h1 class="long">{name}</h1>
      <Loaded of={type}>
        {({ description, versions }) => (
          <>
            <p>
              {description} <a href={to('/events', { type: name })}>Events of this type</a>
            </p>
            {versions.map((version, place) => (
              <Version of={version} isOpen={place === 0} key={version.version} />
            ))}
          </>
        )}
      </Loaded>
    </>
  );
}

function Version({ of, isOpen }: { of: InFull['versions'][number]; isOpen: boolean }) {
  return (
    <section>
      <h2>Version {of.version}</h2>
      <p class="muted">
        {sources[of.source]}, since <When at={of.created_at} />
      </p>
      <details open={isOpen}>
        <summary>Schema of the payload</summary>
        <pre>{JSON.stringify(of.schema, null, 2)}</pre>
      </details>
      {of.examples.length > 0 && (
        <details open={isOpen}>
          <summary>Examples</summary>
          <pre>{JSON.stringify(of.examples, null, 2)}</pre>
        </details>
      )}
    </section>
  );
}
