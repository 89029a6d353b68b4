import { useState } from 'preact/hooks';
import type { ScheduleView } from '../../ops/schedules/list.ts';
import { call, newActionKey, reasonOf } from '../calls.ts';
import { to } from '../location.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field, written } from '../parts/fields.tsx';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Name, State, When } from '../parts/text.tsx';
import { tell } from '../parts/toast.tsx';
import { usePages } from '../resource.ts';
import { mayAct } from '../session.ts';

/** What is emitted again and again. */
export function SchedulesPage() {
  const schedules = usePages<ScheduleView>('/v1/ops/schedules', 5000);
  const reload = () => void schedules.reload();
  return (
    <>
      <h1>Schedules</h1>
      <Loaded of={schedules}>
        {(data) =>
          data.length > 0 ? (
            <List heads={['Schedule', 'Emits', 'Next', 'Last', ['Actions', 'unseen']]}>
              {data.map((schedule) => (
                <Row of={schedule} onChange={reload} key={schedule.name} />
              ))}
            </List>
          ) : (
            <Empty title="No schedule yet">
              <code>knockon schedule</code> has an event emitted again and again.
            </Empty>
          )
        }
      </Loaded>
      <More more={schedules.more} />
    </>
  );
}

interface OneProps {
  of: ScheduleView;
  /** Called once something has changed. */
  onChange: () => void;
}

function Row({ of, onChange }: OneProps) {
  const { name, cron, zone, event_type: type, workspace_id, workspace_name } = of;
  return (
    <tr>
      <th scope="row">
        {name}
        <small>
          {cron} {zone}
        </small>
      </th>
      <td data-label="Emits">
        <a href={to('/events', { type, workspace_id })}>{type}</a>
        <small>
          <Name of={workspace_name} />
        </small>
      </td>
      <td data-label="Next">
        <Next of={of} />
      </td>
      <td data-label="Last">
        <Last of={of} />
      </td>
      <td class="last">
        <Actions of={of} onChange={onChange} />
      </td>
    </tr>
  );
}

function Next({ of: { state, paused, next_at, last_error, missed } }: { of: ScheduleView }) {
  return (
    <>
      {next_at ? <When at={next_at} /> : <State is={state} />}
      {paused && (
        <small>
          by {paused.by}, since <When at={paused.at} />: {paused.reason}
        </small>
      )}
      {last_error && <small>can't be emitted: {last_error}</small>}
      {missed && (
        <small>
          runs were missed until <When at={missed.to} />
        </small>
      )}
    </>
  );
}

function Last({ of: { last_run } }: { of: ScheduleView }) {
  if (!last_run) return <span class="muted">never</span>;
  const { at, event_id } = last_run;
  return event_id ? (
    <a href={to(`/journey/${event_id}`)}>
      <When at={at} />
    </a>
  ) : (
    <>
      <When at={at} />
      <small>skipped: the one before was open</small>
    </>
  );
}

const pathOf = ({ name }: ScheduleView, verb: string) =>
  `/v1/ops/schedules/${encodeURIComponent(name)}/${verb}`;

/** What an operator may do to a schedule; a viewer sees none of it. */
function Actions({ of, onChange }: OneProps) {
  const [asks, setAsks] = useState(false);
  if (!mayAct.value) return null;
  const act = async (verb: 'resume' | 'trigger', said: string) => {
    await call(pathOf(of, verb), { method: 'POST', once: newActionKey() }).then(
      () => tell(said),
      (error: unknown) => tell(`${of.name}: ${reasonOf(error)}`, 'bad'),
    );
    onChange();
  };
  return (
    <div class="actions">
      <button
        type="button"
        aria-label={`Trigger ${of.name}`}
        onClick={() => void act('trigger', `A run of ${of.name} was emitted.`)}
      >
        Trigger
      </button>
      {of.paused ? (
        <button
          type="button"
          class="primary"
          aria-label={`Resume ${of.name}`}
          onClick={() => void act('resume', `${of.name} goes on.`)}
        >
          Resume
        </button>
      ) : (
        <button type="button" aria-label={`Pause ${of.name}`} onClick={() => setAsks(true)}>
          Pause
        </button>
      )}
      {asks && <PauseDialog of={of} onChange={onChange} onClose={() => setAsks(false)} />}
    </div>
  );
}

function PauseDialog({ of, onChange, onClose }: OneProps & { onClose: () => void }) {
  const submit = async (form: FormData) => {
    await call(pathOf(of, 'pause'), {
      method: 'POST',
      body: { reason: written(form, 'reason') ?? '' },
    });
    tell(`${of.name} is paused.`);
    onChange();
  };
  return (
    <Dialog title={`Pause ${of.name}`} action="Pause" onSubmit={submit} onClose={onClose}>
      <p class="muted">
        Nothing of it is emitted until somebody resumes it. What is due meanwhile is skipped.
      </p>
      <Field label="Reason" name="reason" required maxLength={500} hint="The log keeps it." />
    </Dialog>
  );
}
