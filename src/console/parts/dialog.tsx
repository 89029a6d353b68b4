import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { reasonOf } from '../calls.ts';

interface DialogProps {
  title: string;
  /** What the button says that does it. */
  action: string;
  /** Whether it can't be undone. */
  isGrave?: boolean;
  /** Whether it only tells something: there is nothing to cancel. */
  isNotice?: boolean;
  /** Whether another dialog comes after it. */
  stays?: boolean;
  /** Does it; what it throws is shown and the dialog stays. */
  onSubmit: (form: FormData) => Promise<unknown>;
  onClose: () => void;
  children?: ComponentChildren;
}

/**
 * Asks before something is done. The browser keeps the focus inside and gives it back; Escape
 * closes.
 */
export function Dialog({
  title,
  action,
  isGrave = false,
  isNotice = false,
  stays = false,
  onSubmit,
  onClose,
  children,
}: DialogProps) {
  const { ref, close } = useModal(onClose);
  const heading = useId();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await onSubmit(new FormData(event.target as HTMLFormElement));
      if (!stays) close();
    } catch (error) {
      setProblem(reasonOf(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={ref} aria-labelledby={heading} onCancel={close} onClose={close}>
      <form onSubmit={(event) => void submit(event as SubmitEvent)}>
        <h2 id={heading}>{title}</h2>
        {children}
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="buttons">
          {!isNotice && (
            <button type="button" onClick={close}>
              Cancel
            </button>
          )}
          <button type="submit" class={isGrave ? 'grave' : 'primary'} disabled={busy}>
            {busy ? 'One moment …' : action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Opens the dialog at once. The browser gives the focus back when it closes. */
function useModal(onClose: () => void) {
  const ref = useRef<HTMLDialogElement>(null);
  const isGone = useRef(false);
  useLayoutEffect(() => ref.current?.showModal(), []);
  /** Tells who asked now: the browser's own event may come after the next key. */
  const close = () => {
    if (isGone.current) return;
    isGone.current = true;
    ref.current?.close();
    onClose();
  };
  return { ref, close };
}
