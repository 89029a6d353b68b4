import { useMemo } from 'preact/hooks';
import type { DeadLetterFilter } from '../../ops/inspect/dead-letters.ts';
import type { OperationView } from '../../ops/operations/operations.ts';
import { call, newActionKey } from '../calls.ts';
import { counted } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/fields.tsx';
import { tell } from '../parts/toast.tsx';
import { mayAct, session } from '../session.ts';
import { Begun, common, Pace } from './begin.tsx';

/** What is to be done about which dead letters. */
export interface Settling {
  action: 'retry' | 'reset' | 'discard';
  letters: { ids: string[] } | { filter: DeadLetterFilter };
  /** In words: `200 dead letters of webhooks (HTTP 500)`. */
  what: string;
}

const words = {
  retry: {
    title: 'Retry',
    path: '/v1/ops/dead_letters/retry',
    told: 'Each is tried again, with its tries counted anew. What is done is not done twice.',
  },
  reset: {
    title: 'Reset',
    path: '/v1/ops/resets',
    told: 'Temporal resets the workflows that gave them up. What is done is not done twice.',
  },
  discard: {
    title: 'Discard',
    path: '/v1/ops/dead_letters/discard',
    told: 'They will never happen. The audit chain keeps who decided that, and why.',
  },
};

interface SettleProps extends Settling {
  onClose: () => void;
  onDone: () => void;
}

/** Asks before dead letters are tried again or discarded. */
export function SettleDialog({ action, letters, what, onClose, onDone }: SettleProps) {
  const { title, path, told } = words[action];
  const once = useMemo(newActionKey, []);
  const submit = async (form: FormData) => {
    const body = { ...letters, ...common(form) };
    const answer = await call<OperationView & { discarded?: number }>(path, {
      method: 'POST',
      body,
      once,
    });
    tell(
      answer.discarded === undefined ? (
        <Begun operation={answer} />
      ) : (
        `${counted(answer.discarded, 'effect')} discarded.`
      ),
    );
    onDone();
  };
  return (
    <Dialog
      title={`${title} ${what}?`}
      action={title}
      isGrave={action === 'discard'}
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="muted">{told}</p>
      <Field
        label="Reason"
        name="reason"
        required={action === 'discard'}
        maxLength={1000}
        hint={action === 'discard' ? 'It can’t be undone: say why.' : 'For the action log.'}
      />
      {action !== 'discard' && <Pace hint="Empty: as fast as live traffic allows." />}
    </Dialog>
  );
}

export type Ask = (settling: Settling) => void;

/** Retry, reset, discard: of all, of a cause, of one. A viewer sees none of it. */
export function DeadLetterActions({
  of,
  what,
  ask,
  label,
}: {
  of: Settling['letters'];
  what: string;
  ask: Ask;
  label: string;
}) {
  if (!mayAct.value) return null;
  const actions = [
    ['retry', 'Retry'],
    ...(session.value?.temporal_ui ? [['reset', 'Reset']] : []),
    ['discard', 'Discard'],
  ] as const;
  return (
    <div class="actions">
      {actions.map(([action, text]) => (
        <button
          type="button"
          key={action}
          aria-label={`${text} ${label}`}
          onClick={() => ask({ action: action as Settling['action'], letters: of, what })}
        >
          {label === 'all' ? `${text} all` : text}
        </button>
      ))}
    </div>
  );
}
