import { useState } from 'preact/hooks';
import type { OperationView } from '../../ops/operations/operations.ts';
import { call, reasonOf } from '../calls.ts';
import { count, counted, moment, short, span } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { tell } from '../parts/toast.tsx';
import { mayAct } from '../session.ts';

/** A value of what was asked, as people write it. */
function said(value: unknown): string {
  if (Array.isArray(value)) return counted(value.length, 'letter');
  if (typeof value === 'object' && value !== null)
    return describe(value as Record<string, unknown>) || 'everything';
  const text = String(value);
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return moment(text);
  return /^[0-9a-f-]{36}$/.test(text) ? short(text) : text;
}

const describe = (input: Record<string, unknown>) =>
  Object.entries(input)
    .filter(([, value]) => value !== null && value !== false)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${said(value)}`)
    .join(', ');

/** What was asked of an operation, on one line. */
export const aboutOperation = ({ input }: Pick<OperationView, 'input'>): string =>
  describe(input) || 'everything';

/** How far an operation is, as a bar and in words. */
export function Progress({
  of: { verb, state, done, failed, skipped, total, eta_seconds },
}: {
  of: OperationView;
}) {
  const through = done + failed;
  const isOpen = state === 'running' || state === 'paused';
  const left = Math.max(0, (total ?? 0) - through);
  // The parts add up to the total, so that nobody has to calculate.
  const parts = [
    ...(skipped > 0 || failed > 0 ? [`${count(done - skipped)} done`] : []),
    ...(skipped > 0 ? [`${count(skipped)} there was nothing to do for`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ...(left > 0
      ? [
          `${count(left)} ` +
            `${isOpen ? 'to go' : state === 'done' ? 'done meanwhile by others' : 'not begun'}`,
        ]
      : []),
  ];
  const words =
    total === null ? 'being counted' : `${count(through)} of ${count(Math.max(total, through))}`;
  const time =
    state === 'running' && eta_seconds !== null ? `, about ${span(eta_seconds)} left` : '';
  return (
    <>
      {(isOpen || state === 'done') && (
        <progress
          aria-label={`Progress of the ${verb}`}
          max={Math.max(1, total ?? 1)}
          value={state === 'done' ? Math.max(1, total ?? 1) : total === null ? undefined : through}
        />
      )}
      <small>
        {words}
        {parts.length > 0 && `: ${parts.join(', ')}`}
        {time}
      </small>
    </>
  );
}

/** Holding an operation up, letting it go on, cancelling it. A viewer sees none of it. */
export function OperationActions({ of, onChange }: { of: OperationView; onChange: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const isOpen = of.state === 'running' || of.state === 'paused';
  if (!mayAct.value || !isOpen) return null;
  const change = async (verb: string) => {
    await call(`/v1/ops/operations/${of.id}/${verb}`, { method: 'POST' });
    onChange();
  };
  const flip = of.state === 'running' ? 'pause' : 'resume';
  const told = (error: unknown) =>
    tell(`The ${of.verb} could not be ${flip}d: ${reasonOf(error)}`, 'bad');
  return (
    <div class="actions">
      <button
        type="button"
        aria-label={`${flip} the ${of.verb}`}
        onClick={() => void change(flip).catch(told)}
      >
        {flip === 'pause' ? 'Pause' : 'Resume'}
      </button>
      <button type="button" aria-label={`cancel the ${of.verb}`} onClick={() => setAsking(true)}>
        Cancel
      </button>
      {isAsking && (
        <Dialog
          title={`Cancel the ${of.verb}?`}
          action="Cancel it"
          isGrave
          onSubmit={() => change('cancel')}
          onClose={() => setAsking(false)}
        >
          <p class="muted">
            What it has begun is seen through; what it has not begun stays as it is. Another one can
            be started later.
          </p>
        </Dialog>
      )}
    </div>
  );
}
