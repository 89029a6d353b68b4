import { useState } from 'preact/hooks';

interface MoreProps {
  more: (() => Promise<void>) | undefined;
  label?: string;
}

/** Fetches the next page of a list, where there is one. */
export function More({ more, label = 'Show older ones' }: MoreProps) {
  const [busy, setBusy] = useState(false);
  if (!more) return null;
  const fetchMore = () => {
    setBusy(true);
    void more().finally(() => setBusy(false));
  };
  return (
    <p class="more">
      <button type="button" disabled={busy} onClick={fetchMore}>
        {busy ? 'Loading …' : label}
      </button>
    </p>
  );
}
