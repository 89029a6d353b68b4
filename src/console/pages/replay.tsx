import { useMemo, useState } from 'preact/hooks';
import { call, newActionKey } from '../calls.ts';
import { count } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Check, Choice, Field, momentOf, written } from '../parts/fields.tsx';
import { List } from '../parts/list.tsx';
import { type BeginProps, begin, Common, common, useSubscriberNames } from './begin.tsx';

/** What a dry run answers. */
interface Plan {
  summary: string;
  effects: number;
  subscribers: {
    name: string;
    runs: number;
    retries: number;
    skipped: number;
    in_flight: number;
    never: number;
  }[];
}

const spans: [string, string][] = [
  ['60', 'the last hour'],
  ['1440', 'the last day'],
  ['at', 'between …'],
  ['', 'everything there is'],
];

/** Asks what is to be run again; counts first, and runs only what was counted. */
export function ReplayDialog({ onClose, onDone }: BeginProps) {
  const once = useMemo(newActionKey, []);
  const [length, setLength] = useState('60');
  const [planned, setPlanned] = useState<{ plan: Plan; body: Record<string, unknown> } | null>(
    null,
  );
  const dryRun = async (form: FormData) => {
    const body = { ...askedOf(form, length), ...common(form) };
    const asked = { method: 'POST', body: { ...body, dry_run: true } } as const;
    setPlanned({ plan: await call<Plan>('/v1/ops/replays', asked), body });
  };
  const start = () => begin('/v1/ops/replays', { ...planned?.body }, once, onDone);
  if (planned)
    return (
      <Dialog
        title="Start this replay?"
        action="Start the replay"
        onSubmit={start}
        onClose={onClose}
        key="start"
      >
        <Planned of={planned.plan} />
      </Dialog>
    );
  return (
    <Dialog title="Replay" action="Dry run" onSubmit={dryRun} stays onClose={onClose} key="count">
      <p class="muted">
        Runs effects again for events of the log. First it is counted what that would do; nothing
        happens yet.
      </p>
      <Choice label="Events of" name="length" options={spans} value={length} onChange={setLength} />
      {length === 'at' && (
        <div class="filters">
          <Field label="From" name="from" type="datetime-local" />
          <Field label="To" name="to" type="datetime-local" />
        </div>
      )}
      <Filters />
      <Check label="Also what calls the outside" name="force">
        Webhooks that were answered are sent again, under the same webhook-id.
      </Check>
      <Common />
    </Dialog>
  );
}

function Filters() {
  const names = useSubscriberNames().map((name): [string, string] => [name, name]);
  return (
    <>
      <Choice
        label="Subscriber"
        name="subscriber"
        options={[['', 'all that want them'], ...names]}
      />
      <details>
        <summary>Fewer events</summary>
        <Field label="Type" name="type" placeholder="message.created" />
        <Field label="Channel’s id" name="channel_id" />
        <Field label="Key (of a workspace)" name="key" />
        <Field label="Message’s id" name="message_id" />
        <Field label="Workspace’s id" name="workspace_id" />
      </details>
    </>
  );
}

function askedOf(form: FormData, length: string): Record<string, unknown> {
  const from =
    length === 'at'
      ? momentOf(form, 'from')
      : length && new Date(Date.now() - Number(length) * 60_000).toISOString();
  const to = length === 'at' ? momentOf(form, 'to') : undefined;
  const named = ['subscriber', 'type', 'channel_id', 'key', 'message_id', 'workspace_id'].flatMap(
    (name) => {
      const value = written(form, name);
      return value ? [[name, value]] : [];
    },
  );
  return {
    ...Object.fromEntries(named),
    ...(from && { from }),
    ...(to && { to }),
    ...(form.get('force') && { force: true }),
  };
}

function Planned({ of: { summary, subscribers, effects } }: { of: Plan }) {
  return (
    <>
      <p>{summary}</p>
      <List heads={['Subscriber', ['Would run', 'number'], ['Left alone', 'number']]}>
        {subscribers.map(({ name, runs, retries, skipped, in_flight, never }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td data-label="Would run" class="number">
              {count(runs)}
              {retries > 0 && <small>{count(retries)} of them dead letters</small>}
            </td>
            <td data-label="Left alone" class="number">
              {count(skipped + in_flight + never)}
              <small>
                {[
                  skipped > 0 && `${count(skipped)} done and not to be repeated`,
                  in_flight > 0 && `${count(in_flight)} under way`,
                  never > 0 && `${count(never)} never dispatched to it`,
                ]
                  .filter(Boolean)
                  .join(', ')}
              </small>
            </td>
          </tr>
        ))}
      </List>
      {effects === 0 && <p class="muted">Nothing would be done: started, it ends at once.</p>}
    </>
  );
}
