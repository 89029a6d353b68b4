import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/**
 * What stands above a column, and how the column is set; `unseen`: it is told to who hears the page
 * alone.
 */
export type Head = string | [text: string, kind: 'number' | 'wide' | 'unseen'];

/** Rows below their heads; on a phone each cell is told by its `data-label` instead. */
export function List({ heads, children }: { heads: Head[]; children: ComponentChildren }) {
  return (
    <table class="list">
      <thead>
        <tr>
          {heads.map((head) => (
            <HeadCell of={head} key={String(head)} />
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function HeadCell({ of }: { of: Head }) {
  const [text, kind] = typeof of === 'string' ? [of] : of;
  if (kind === 'unseen')
    return (
      <th scope="col">
        <span class="unseen">{text}</span>
      </th>
    );
  return (
    <th scope="col" class={kind}>
      {text}
    </th>
  );
}

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
