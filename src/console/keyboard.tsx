import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { GoTo } from './go-to.tsx';
import { go, to } from './location.ts';

/** Which of the keyboard's own dialogs is open. */
export const opened = signal<'help' | 'go to' | null>(null);

/** Ctrl on most machines; the command key on Apple's. */
const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

export const GO_TO_KEYS = isApple ? '⌘ K' : 'Ctrl K';

const keys: [keys: string[], what: string][] = [
  [[GO_TO_KEYS], 'Go to a page, a subscriber, or whatever has an id'],
  [['/'], 'Search: the first filter of this page, or the journey of an id'],
  [['?'], 'Show these keys'],
  [['Esc'], 'Close a dialog'],
  [['Tab'], 'To the next link, button or field; Shift Tab goes back'],
];

/** Whether a key goes to a field, and not to us. */
const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input, select, textarea'));

const searchField = () =>
  document.querySelector<HTMLElement>('main search input, main search select');

/** Set while a page is gone to for its search. */
let isSearch = false;

function search(): void {
  const field = searchField();
  field?.focus();
  if (field) return;
  isSearch = true;
  go(to('/journey'));
}

/**
 * Where the focus is once another page is there: at its beginning, so that who does not see it
 * change is told, or in its search.
 */
export function focusPage(main: HTMLElement | null): void {
  const field = isSearch ? searchField() : null;
  isSearch = false;
  if (field) field.focus();
  else main?.focus({ preventScroll: true });
}

function pressed(event: KeyboardEvent): void {
  const isGoTo =
    event.key.toLowerCase() === 'k' &&
    (isApple ? event.metaKey : event.ctrlKey) &&
    !event.altKey &&
    !event.shiftKey;
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
  const act = isGoTo
    ? () => (opened.value = opened.value === 'go to' ? null : 'go to')
    : isPlain && event.key === '?'
      ? () => (opened.value = 'help')
      : isPlain && event.key === '/'
        ? search
        : undefined;
  // A dialog that asks something is answered first.
  if (
    !act ||
    event.defaultPrevented ||
    (document.querySelector('dialog[open]') && opened.value === null)
  )
    return;
  event.preventDefault();
  act();
}

/** Listens for the keys that work on every page, and shows what they open. */
export function Keyboard() {
  useEffect(() => {
    document.addEventListener('keydown', pressed);
    return () => {
      document.removeEventListener('keydown', pressed);
      opened.value = null;
    };
  }, []);
  const close = () => {
    opened.value = null;
  };
  if (opened.value === 'go to') return <GoTo onClose={close} />;
  return opened.value === 'help' ? <Help onClose={close} /> : null;
}

function Help({ onClose }: { onClose: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} aria-labelledby="keys" onClose={onClose}>
      <h2 id="keys">Keyboard</h2>
      <dl class="keys">
        {keys.map(([some, what]) => (
          <div key={what}>
            <dt>
              {some.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="buttons">
        <button type="button" onClick={() => ref.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
