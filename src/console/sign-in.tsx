import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { CallError, reasonOf } from './calls.ts';
import { Field, written } from './parts/fields.tsx';
import { farewell, signIn } from './session.ts';

/**
 * Asks for an operator's key. It is sent once and kept nowhere; the browser keeps a session that no
 * script can read.
 */
export function SignIn() {
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  // Before it is seen: who types at once means it.
  useLayoutEffect(() => {
    document.title = 'Sign in · Knock-on';
    form.current?.querySelector('input')?.focus();
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const key = written(new FormData(event.currentTarget as HTMLFormElement), 'key');
    if (!key || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await signIn(key);
    } catch (error) {
      setProblem(error instanceof CallError && error.status === 401 ? wrong : reasonOf(error));
      form.current?.querySelector('input')?.select();
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form ref={form} class="card" onSubmit={(event) => void submit(event as SubmitEvent)}>
        <p class="brand">
          <span class="mark" aria-hidden="true" />
          Knock-on
        </p>
        <h1>Sign in</h1>
        {farewell.value && <p role="status">{farewell.value}</p>}
        <Field
          label="Operator's key"
          name="key"
          type="password"
          required
          autoComplete="current-password"
          hint={hint}
        />
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'One moment …' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}

const hint =
  'KNOCKON_ADMIN_KEY, or a key of your own. With npm start it is admin_key in .knockon/up.json.';
const wrong =
  'No operator has this key. Look for spaces or a missing end, and that it is not a workspace’s ' +
  'key.';
