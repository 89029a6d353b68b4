import { useMemo } from 'preact/hooks';
import type { OperationView } from '../../ops/operations/operations.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { call, newActionKey } from '../calls.ts';
import { to } from '../location.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Choice, Field, momentOf, written } from '../parts/fields.tsx';
import { tell } from '../parts/toast.tsx';
import { useResource } from '../resource.ts';

export interface BeginProps {
  onClose: () => void;
  onDone: () => void;
}

/** Who there is, for choosing one. */
export function useSubscriberNames(): string[] {
  const { data } = useResource<{ data: SubscriberStatus[] }>('/v1/ops/subscribers?limit=200');
  return (data?.data ?? []).map(({ name }) => name);
}

/** That long work has begun, and where it is seen. */
export function Begun({ operation }: { operation: OperationView }) {
  return (
    <>
      The {operation.verb} has begun. <a href={to(`/jobs/${operation.id}`)}>See how far it is</a>
    </>
  );
}

/**
 * Begins it and says where it is seen. The same dialog begins it once, however often it is sent.
 */
export async function begin(
  path: string,
  body: Record<string, unknown>,
  once: string,
  onDone: () => void,
): Promise<void> {
  const operation = await call<OperationView>(path, { method: 'POST', body, once });
  tell(<Begun operation={operation} />);
  onDone();
}

/** What every operation may be told: how fast, and why. */
export const common = (form: FormData) => {
  const [pace, reason] = [written(form, 'per_second'), written(form, 'reason')];
  return { ...(pace && { per_second: Number(pace) }), ...(reason && { reason }) };
};

export function Pace({ hint }: { hint: string }) {
  return (
    <Field
      label="Limit, in effects a second"
      name="per_second"
      type="number"
      min="0.01"
      step="any"
      hint={hint}
    />
  );
}

export function Common() {
  return (
    <>
      <Pace hint="Empty: at a pace that live traffic does not feel." />
      <Field label="Reason" name="reason" maxLength={1000} hint="For the action log." />
    </>
  );
}

/** Gives a subscriber what happened before it was there. */
export function BackfillDialog({ onClose, onDone }: BeginProps) {
  const once = useMemo(newActionKey, []);
  const names = useSubscriberNames();
  const submit = (form: FormData) => {
    const from = momentOf(form, 'from');
    const body = {
      subscriber: written(form, 'subscriber'),
      ...(from && { from }),
      ...common(form),
    };
    return begin('/v1/ops/backfills', body, once, onDone);
  };
  return (
    <Dialog
      title="Backfill a subscriber"
      action="Start the backfill"
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="muted">
        It gets the events of the log that were dispatched before it was there, without a gap and
        none twice.
      </p>
      <Choice label="Subscriber" name="subscriber" options={names.map((name) => [name, name])} />
      <Field
        label="From"
        name="from"
        type="datetime-local"
        hint="Empty: from the beginning of the log."
      />
      <Common />
    </Dialog>
  );
}

const rebuildable: [string, string][] = [
  ['search', 'search'],
  ['analytics', 'analytics'],
  ['cache', 'cache'],
];

/** Makes a projection anew. */
export function RebuildDialog({ onClose, onDone }: BeginProps) {
  const once = useMemo(newActionKey, []);
  const submit = (form: FormData) =>
    begin(
      '/v1/ops/rebuilds',
      { subscriber: written(form, 'subscriber'), ...common(form) },
      once,
      onDone,
    );
  return (
    <Dialog
      title="Rebuild a projection"
      action="Start the rebuild"
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="muted">
        It is made anew from what is stored while the old one is read, and takes its place at the
        end.
      </p>
      <Choice label="Projection" name="subscriber" options={rebuildable} />
      <Common />
    </Dialog>
  );
}
