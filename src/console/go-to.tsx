import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { go, places, to } from './location.ts';
import { useSubscriberNames } from './pages/begin.tsx';

interface Place {
  label: string;
  kind: string;
  href: string;
}

/** An id of ours, or a restarted workflow's. */
const isId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.\d+)?$/i.test(text);

/** Most places that are offered at once. */
const MOST = 10;

function placesFor(text: string, names: string[]): Place[] {
  const wanted = text.trim().toLowerCase();
  const all: Place[] = [
    ...places.map(([place, label]) => ({ label, kind: 'page', href: to(place) })),
    ...names.map((name) => ({
      label: name,
      kind: 'subscriber',
      href: to(`/subscribers/${encodeURIComponent(name)}`),
    })),
    ...names.map((name) => ({
      label: `${name}: dead letters`,
      kind: 'failed',
      href: to('/failed', { subscriber: name }),
    })),
    { label: 'Events that failed', kind: 'events', href: to('/events', { outcome: 'failed' }) },
  ];
  const fit = all.filter(({ label }) => label.toLowerCase().includes(wanted));
  // What begins so comes first; the rest stays in the menu's order.
  const begins = ({ label }: Place) => Number(label.toLowerCase().startsWith(wanted));
  fit.sort((a, b) => begins(b) - begins(a));
  return [...placesOfId(text.trim()), ...fit].slice(0, MOST);
}

function placesOfId(id: string): Place[] {
  if (!isId(id)) return [];
  return [
    { label: id, kind: 'journey', href: to(`/journey/${id}`) },
    { label: id, kind: 'endpoint', href: to(`/endpoints/${id}`) },
    { label: id, kind: 'operation', href: to(`/jobs/${id}`) },
  ];
}

/** Goes to whatever is named: a page, a subscriber, an id. Arrows choose, Enter goes. */
export function GoTo({ onClose }: { onClose: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const found = placesFor(text, useSubscriberNames());
  const at = Math.min(chosen, Math.max(0, found.length - 1));
  useLayoutEffect(() => ref.current?.showModal(), []);
  const leave = (href: string) => {
    ref.current?.close();
    go(href);
  };
  const move = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined || found.length === 0) return;
    event.preventDefault();
    setChosen((at + by + found.length) % found.length);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const place = found[at];
    if (place) leave(place.href);
  };
  return (
    <dialog ref={ref} class="go-to" aria-label="Go to" onClose={onClose}>
      <form onSubmit={submit}>
        <input
          type="text"
          role="combobox"
          aria-label="A page, a subscriber, or an id"
          aria-expanded="true"
          aria-controls="places"
          aria-activedescendant={found[at] && `place-${at}`}
          aria-autocomplete="list"
          placeholder="A page, a subscriber, or an id"
          autoComplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={move}
        />
        <Places of={found} at={at} onChoose={leave} />
        {found.length === 0 && <p class="muted">Nothing is named so. An id is taken whole.</p>}
      </form>
    </dialog>
  );
}

interface PlacesProps {
  of: Place[];
  /** Which one is chosen. */
  at: number;
  onChoose: (href: string) => void;
}

function Places({ of, at, onChoose }: PlacesProps) {
  return (
    <div role="listbox" id="places" aria-label="Places">
      {of.map(({ label, kind, href }, i) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field takes the keys
        <div
          role="option"
          id={`place-${i}`}
          aria-selected={i === at}
          onClick={() => onChoose(href)}
          key={href}
        >
          <span>{label}</span> <small>{kind}</small>
        </div>
      ))}
    </div>
  );
}
