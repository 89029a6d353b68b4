import { useMemo, useState } from 'preact/hooks';
import type { EndpointEntry } from '../../ops/inspect/endpoints.ts';
import { call, newActionKey, reasonOf } from '../calls.ts';
import { counted } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field, written } from '../parts/fields.tsx';
import { tell } from '../parts/toast.tsx';
import { mayAct } from '../session.ts';

interface ActionsProps {
  of: EndpointEntry;
  /** Called once something has changed. */
  onChange: () => void;
}

const pathOf = ({ id }: EndpointEntry, verb: string) =>
  `/v1/ops/endpoints/${encodeURIComponent(id)}/${verb}`;

/** What trying it came to. */
interface Tried {
  tried: number;
  delivered: number;
  answer: { status: number | null; error: string | null } | null;
}

/** Trying an endpoint, limiting, disabling and enabling it; a viewer sees none of it. */
export function EndpointActions({ of, onChange }: ActionsProps) {
  const [asks, setAsks] = useState<'limit' | 'disable' | null>(null);
  const [busy, setBusy] = useState(false);
  if (!mayAct.value) return null;
  const act = (what: Promise<unknown>, failed: string) => {
    setBusy(true);
    void what
      .catch((error: unknown) => tell(`${failed}: ${reasonOf(error)}`, 'bad'))
      .finally(() => {
        setBusy(false);
        onChange();
      });
  };
  const tryNow = async () =>
    tell(toldOf(await call<Tried>(pathOf(of, 'try'), { method: 'POST', once: newActionKey() })));
  const enable = async () => {
    await call(pathOf(of, 'enable'), { method: 'POST' });
    tell('It is sent to again. What it missed meanwhile stays missed.');
  };
  const shown = { of, onChange, onClose: () => setAsks(null) };
  return (
    <div class="actions">
      {of.state === 'disabled' ? (
        <button
          type="button"
          class="primary"
          disabled={busy}
          onClick={() => act(enable(), 'It could not be enabled')}
        >
          Enable
        </button>
      ) : (
        <>
          <button
            type="button"
            disabled={busy}
            onClick={() => act(tryNow(), 'It could not be tried')}
          >
            {busy ? 'Trying …' : 'Try now'}
          </button>
          <button type="button" onClick={() => setAsks('limit')}>
            Limit …
          </button>
          <button type="button" onClick={() => setAsks('disable')}>
            Disable …
          </button>
        </>
      )}
      {asks === 'limit' && <LimitDialog {...shown} />}
      {asks === 'disable' && <DisableDialog {...shown} />}
    </div>
  );
}

function toldOf({ tried, delivered, answer }: Tried): string {
  if (tried === 0) return 'Nothing waits for it. The next event is sent at once.';
  const last =
    answer?.status === null || !answer ? (answer?.error ?? 'no answer') : `HTTP ${answer.status}`;
  const all = counted(tried, 'delivery', 'deliveries');
  return `${delivered} of ${all} taken; its last answer: ${last}.`;
}

type AskProps = ActionsProps & { onClose: () => void };

function LimitDialog({ of, onChange, onClose }: AskProps) {
  const submit = async (form: FormData) => {
    const [wanted, reason] = [written(form, 'per_second'), written(form, 'reason')];
    const body = {
      per_second: wanted === undefined ? null : Number(wanted),
      ...(reason && { reason }),
    };
    await call(pathOf(of, 'limit'), { method: 'PUT', body });
    tell(
      wanted === undefined
        ? 'It has no limit any more.'
        : `It gets ${wanted} deliveries a second at most.`,
    );
    onChange();
  };
  return (
    <Dialog title="Limit this endpoint" action="Set the limit" onSubmit={submit} onClose={onClose}>
      <p class="muted">
        What is beyond it waits. It is the same limit as its owner sets, and its owner sees it.
      </p>
      <Field
        label="Deliveries a second"
        name="per_second"
        type="number"
        min="0.001"
        step="any"
        value={of.max_per_second === null ? undefined : String(of.max_per_second)}
        hint="Empty: no limit."
      />
      <Field label="Reason" name="reason" maxLength={1000} hint="For the action log." />
    </Dialog>
  );
}

function DisableDialog({ of, onChange, onClose }: AskProps) {
  const once = useMemo(newActionKey, []);
  const submit = async (form: FormData) => {
    await call(pathOf(of, 'disable'), {
      method: 'POST',
      body: { reason: written(form, 'reason') ?? '' },
      once,
    });
    tell('Nothing is sent to it any more.');
    onChange();
  };
  return (
    <Dialog
      title="Disable this endpoint?"
      action="Disable it"
      isGrave
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="muted">
        Nothing is sent to it until an operator enables it. What happens meanwhile is missed, and
        its owner sees why.
      </p>
      <Field
        label="Reason"
        name="reason"
        required
        maxLength={500}
        hint="Its owner reads it, and the log keeps it."
      />
    </Dialog>
  );
}
