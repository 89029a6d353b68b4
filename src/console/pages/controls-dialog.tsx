import { useState } from 'preact/hooks';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { call, reasonOf } from '../calls.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Choice, Field, momentOf, written } from '../parts/fields.tsx';
import { tell } from '../parts/toast.tsx';
import { mayAct } from '../session.ts';
import { LimitFields, limitsIn } from './limit-fields.tsx';

type Asks = 'pause' | 'drain' | 'limit';

interface SteerProps {
  of: SubscriberStatus;
  /** Called once something has changed. */
  onChange: () => void;
}

const pathOf = ({ name }: SubscriberStatus, verb: string) =>
  `/v1/ops/subscribers/${encodeURIComponent(name)}/${verb}`;

/** What an operator may do to a subscriber; a viewer sees none of it. */
export function Steer({ of, onChange }: SteerProps) {
  const [asks, setAsks] = useState<Asks | null>(null);
  if (!mayAct.value) return null;
  const close = () => setAsks(null);
  const resume = async () => {
    await call(pathOf(of, 'resume'), { method: 'POST' }).then(
      () => tell(`${of.name} goes on.`),
      (error: unknown) => tell(`${of.name} could not be resumed: ${reasonOf(error)}`, 'bad'),
    );
    onChange();
  };
  const shown = { of, onClose: close, onChange };
  return (
    <div class="actions">
      {of.paused ? (
        <button
          type="button"
          class="primary"
          aria-label={`Resume ${of.name}`}
          onClick={() => void resume()}
        >
          Resume
        </button>
      ) : (
        <>
          <button type="button" aria-label={`Pause ${of.name}`} onClick={() => setAsks('pause')}>
            Pause
          </button>
          <button type="button" aria-label={`Drain ${of.name}`} onClick={() => setAsks('drain')}>
            Drain
          </button>
        </>
      )}
      <button type="button" aria-label={`Limit ${of.name}`} onClick={() => setAsks('limit')}>
        Limit
      </button>
      {(asks === 'pause' || asks === 'drain') && <PauseDialog {...shown} verb={asks} />}
      {asks === 'limit' && <LimitDialog {...shown} />}
    </div>
  );
}

interface AskProps extends SteerProps {
  onClose: () => void;
}

const lengths: [string, string][] = [
  ['', 'until somebody resumes it'],
  ['15', 'for 15 minutes'],
  ['60', 'for an hour'],
  ['240', 'for 4 hours'],
  ['at', 'until …'],
];

const explained = {
  pause: 'None of its calls begins; its events wait and nothing is skipped. The others go on.',
  drain:
    'Pauses it, and says once no worker is at any call of it. Then its workers can be stopped.',
};

function PauseDialog({ of, onClose, onChange, verb }: AskProps & { verb: 'pause' | 'drain' }) {
  const [length, setLength] = useState('');
  const submit = async (form: FormData) => {
    const until =
      length === 'at'
        ? momentOf(form, 'until')
        : length && new Date(Date.now() + Number(length) * 60_000).toISOString();
    const body = { reason: written(form, 'reason') ?? '', ...(until && { until }) };
    await call(pathOf(of, verb), { method: 'POST', body });
    tell(verb === 'pause' ? `${of.name} is paused.` : `${of.name} is being drained.`);
    onChange();
  };
  const title = verb === 'pause' ? `Pause ${of.name}` : `Drain ${of.name}`;
  return (
    <Dialog
      title={title}
      action={verb === 'pause' ? 'Pause' : 'Drain'}
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="muted">{explained[verb]}</p>
      <Field
        label="Reason"
        name="reason"
        required
        maxLength={1000}
        hint="The next person who looks reads it, and the log keeps it."
      />
      <Choice
        label="How long"
        name="length"
        options={lengths}
        value={length}
        onChange={setLength}
      />
      {length === 'at' && <Field label="Resumes at" name="until" type="datetime-local" required />}
    </Dialog>
  );
}

const changed = (name: string, from: number | null, to: number | null) =>
  from === to ? {} : { [name]: to };

function LimitDialog({ of, onClose, onChange }: AskProps) {
  const { concurrency, per_second } = of.per_workspace;
  const submit = async (form: FormData) => {
    const wanted = limitsIn(form);
    await call(pathOf(of, 'limit'), { method: 'PUT', body: { per_second: wanted.per_second } });
    const workspaces = {
      ...changed('concurrency', concurrency, wanted.per_workspace.concurrency),
      ...changed('per_second', per_second, wanted.per_workspace.per_second),
    };
    if (Object.keys(workspaces).length > 0)
      await call(pathOf(of, 'workspace_limit'), { method: 'PUT', body: workspaces });
    tell(
      wanted.per_second === null
        ? `${of.name} has no limit any more.`
        : `${of.name} does ${wanted.per_second} events a second at most.`,
    );
    onChange();
  };
  return (
    <Dialog title={`Limit ${of.name}`} action="Set the limit" onSubmit={submit} onClose={onClose}>
      <p class="muted">
        What is beyond it waits in its queue. The limit is of all its workers together.
      </p>
      <LimitFields of={of} perWorkspace={of.host !== 'worker'} />
    </Dialog>
  );
}
