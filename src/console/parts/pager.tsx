import { useState } from 'preact/hooks';

/** Fetches the next page of a list, where there is one. */
export function More({ more }: { more: (() => Promise<void>) | undefined }) {
  const [busy, setBusy] = useState(false);
  if (!more) return null;
  const fetchMore = () => {
    setBusy(true);
    void more().finally(() => setBusy(false));
  };
  return (
    <p class="more">
      <button type="button" disabled={busy} onClick={fetchMore}>
        {busy ? 'Loading …' : 'Show older ones'}
      </button>
    </p>
  );
}
