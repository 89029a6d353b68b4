import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

const shown = signal<{ id: number; tone: 'good' | 'bad'; children: ComponentChildren }[]>([]);
let last = 0;

/** How long it stays, in ms: long enough to read twice. */
const STAYS = 8000;

/** Says what came of what somebody did. */
export function tell(children: ComponentChildren, tone: 'good' | 'bad' = 'good'): void {
  last += 1;
  const id = last;
  shown.value = [...shown.value, { id, tone, children }].slice(-3);
  setTimeout(() => dismiss(id), STAYS);
}

function dismiss(id: number): void {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** Where it is said, also to those who don't see it. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map(({ id, tone, children }) => (
        <div class={`toast ${tone}`} key={id}>
          <span>{children}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
