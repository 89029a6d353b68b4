import type { LogEntry } from '../../ops/access/action-log.ts';
import { query, to } from '../location.ts';
import { Field } from '../parts/fields.tsx';
import { asked, Filters } from '../parts/filters.tsx';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Id, When } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { aboutOperation } from './operation-parts.tsx';

const names = ['verb', 'subject', 'by'];
const verbs = [
  ...[
    'pause',
    'resume',
    'limit',
    'drain',
    'retry',
    'reset',
    'discard',
    'replay',
    'backfill',
    'rebuild',
  ],
  ...[
    'limit endpoint',
    'enable endpoint',
    'disable endpoint',
    'try endpoint',
    'create key',
    'revoke key',
    'search',
  ],
];

/** Who did what, when and why. */
export function LogPage() {
  const given = query.value;
  const entries = usePages<LogEntry>(asked('/v1/ops/log', given, names), 4000);
  const value = (name: string) => given.get(name) ?? undefined;
  const isNarrow = names.some((name) => given.get(name));
  return (
    <>
      <h1>Action log</h1>
      <Filters names={names} key={given.toString()}>
        <Field label="Verb" name="verb" list={verbs} value={value('verb')} />
        <Field label="Done to" name="subject" value={value('subject')} />
        <Field label="By" name="by" value={value('by')} />
      </Filters>
      <Loaded of={entries}>
        {(data) =>
          data.length > 0 ? (
            <Table entries={data} />
          ) : (
            <Empty title={isNarrow ? 'No such entry' : 'Nobody has done anything yet'}>
              {isNarrow
                ? 'Nothing fits all of that.'
                : 'Pauses, replays, discards and the like are kept here, with who did them and ' +
                  'why.'}
            </Empty>
          )
        }
      </Loaded>
      <More more={entries.more} />
    </>
  );
}

const operationVerbs = new Set([
  'retry',
  'reset',
  'replay',
  'backfill',
  'rebuild',
  'pause operation',
  'resume operation',
  'cancel operation',
]);
const isId = (text: string) => /^[0-9a-f-]{36}$/.test(text);

/** What it was done to, with the way to it. */
function Subject({ of: { verb, subject } }: { of: LogEntry }) {
  if (operationVerbs.has(verb) && isId(subject))
    return (
      <a href={to(`/jobs/${subject}`)} aria-label={`the operation ${subject}`}>
        the operation
      </a>
    );
  if (['pause', 'resume', 'limit', 'drain'].includes(verb))
    return <a href={to(`/subscribers/${encodeURIComponent(subject)}`)}>{subject}</a>;
  if (verb.endsWith(' endpoint') && isId(subject))
    return <Id of={subject} href={to(`/endpoints/${subject}`)} />;
  if (verb === 'search' && isId(subject))
    return <Id of={subject} href={to('/events', { workspace_id: subject })} />;
  return isId(subject) ? <Id of={subject} /> : <span>{subject}</span>;
}

function Table({ entries }: { entries: LogEntry[] }) {
  return (
    <List heads={['What', 'To', 'By', 'When', 'Why']}>
      {entries.map((entry) => (
        <tr key={entry.id}>
          <th scope="row">{entry.verb}</th>
          <td data-label="To">
            <Subject of={entry} />
            {Object.keys(entry.detail).length > 0 && (
              <small>{aboutOperation({ input: entry.detail })}</small>
            )}
          </td>
          <td data-label="By">{entry.by}</td>
          <td data-label="When">
            <When at={entry.at} />
          </td>
          <td data-label="Why">{entry.reason ?? '–'}</td>
        </tr>
      ))}
    </List>
  );
}
