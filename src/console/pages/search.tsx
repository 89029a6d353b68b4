import { counted } from '../format.ts';
import { query, to } from '../location.ts';
import { Choice, Field } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Marked, Name, When } from '../parts/text.tsx';
import { type ListPage, usePages } from '../resource.ts';
import { useWorkspaces, WorkspaceChoice } from './events.tsx';

interface Hit {
  message: { id: string; channel_id: string; author: string; sent_at: string };
  highlight: string;
  workspace_id: string;
  workspace_name: string;
  channel_name: string;
}

interface HitPage extends ListPage<Hit> {
  ignored: string[];
}

const names = ['q', 'workspace_id', 'sort'];

const orders: [string, string][] = [
  ['', 'best first'],
  ['newest', 'newest first'],
];

const SYNTAX = 'payment down, "roll back", a or b, deploy -staging, comp*, from:ada, in:general';

/** What was written in all workspaces, found by its words. */
export function SearchPage() {
  const given = query.value;
  const wanted = given.get('q')?.trim();
  const path = wanted ? withZone(asked('/v1/ops/search', given, names)) : null;
  const hits = usePages<Hit, HitPage>(path);
  return (
    <>
      <h1>Search</h1>
      <SearchFields key={given.toString()} />
      {path === null ? (
        <Empty title="What was said?">
          Search the messages of all workspaces, or of one. The log says who searched where, and not
          for what.
        </Empty>
      ) : (
        <Loaded of={hits}>
          {(data) => (
            <>
              <Ignored words={hits.first?.ignored ?? []} />
              <Hits of={data} hasMore={hits.more !== undefined} />
            </>
          )}
        </Loaded>
      )}
      <More more={hits.more} label="Show more" />
    </>
  );
}

function SearchFields() {
  const value = (name: string) => query.value.get(name) ?? undefined;
  const workspaces = useWorkspaces();
  return (
    <Filters names={names} label="Search">
      <div class="whole">
        <Field
          label="Words"
          name="q"
          type="search"
          hint={`Such as: ${SYNTAX}, before:2024-01-15, after:2024-01`}
          maxLength={1000}
          required
          dir="auto"
          value={value('q')}
        />
      </div>
      <WorkspaceChoice workspaces={workspaces} value={value('workspace_id')} />
      <Choice label="Order" name="sort" options={orders} value={value('sort')} />
    </Filters>
  );
}

/** The days that are typed are those of this browser, as the moments are that it shows. */
function withZone(path: string): string {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone?.includes('/') && zone !== 'Etc/Unknown'
    ? `${path}&tz=${encodeURIComponent(zone)}`
    : path;
}

function Ignored({ words }: { words: string[] }) {
  if (words.length === 0) return null;
  return (
    <p class="stale" role="status">
      Without effect:{' '}
      {words.map((word, i) => (
        <span key={word}>
          {i > 0 && ', '}
          <bdi>
            <code>{word}</code>
          </bdi>
        </span>
      ))}
    </p>
  );
}

function Hits({ of, hasMore }: { of: Hit[]; hasMore: boolean }) {
  if (of.length === 0)
    return (
      <Empty title="Nothing was found">
        No message has all of these words. Leave one out, or search all workspaces. What was posted
        a moment ago may not be indexed yet.
      </Empty>
    );
  return (
    <>
      <p class="muted" role="status">
        {hasMore ? `The first ${counted(of.length, 'message')}` : counted(of.length, 'message')}
      </p>
      <ol class="hits">
        {of.map((hit) => (
          <FoundMessage of={hit} key={hit.message.id} />
        ))}
      </ol>
    </>
  );
}

function FoundMessage({ of }: { of: Hit }) {
  const { message, workspace_id, workspace_name, channel_name } = of;
  return (
    <li>
      <p class="muted">
        <strong>
          <Name of={message.author} />
        </strong>{' '}
        in{' '}
        <a href={to('/events', { channel_id: message.channel_id })}>
          <Name of={channel_name} />
        </a>{' '}
        of{' '}
        <a href={to('/events', { workspace_id })}>
          <Name of={workspace_name} />
        </a>
        , <When at={message.sent_at} />
      </p>
      <Marked html={of.highlight} />
      <p>
        <a href={to(`/journey/${message.id}`)} aria-label={`Journey of ${message.id}`}>
          Journey
        </a>
      </p>
    </li>
  );
}
