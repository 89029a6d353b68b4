import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { reasonOf } from './calls.ts';
import { GO_TO_KEYS, Keyboard, opened } from './keyboard.tsx';
import { connection } from './live.ts';
import { path, places, to } from './location.ts';
import { Toasts, tell } from './parts/toast.tsx';
import { session, signOut } from './session.ts';

const isHere = (place: string) =>
  place === '/' ? path.value === '/' : path.value === place || path.value.startsWith(`${place}/`);

/**
 * What is around every page: the way to the others, who is signed in, and whether what is shown is
 * live.
 */
export function Shell({
  main,
  children,
}: {
  main: RefObject<HTMLElement | null>;
  children: ComponentChildren;
}) {
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href={to('/')}>
          <span class="mark" aria-hidden="true" />
          Knock-on
        </a>
        <Menu />
        <div class="who">
          <Connection />
          <Who />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Lost />
        {children}
      </main>
      <Toasts />
      <Keyboard />
    </div>
  );
}

function Menu() {
  const menu = useRef<HTMLElement>(null);
  const here = path.value;
  // On a phone it is wider than the screen: where we are is to be seen in it.
  useEffect(
    () =>
      menu.current
        ?.querySelector('[aria-current]')
        ?.scrollIntoView({ block: 'nearest', inline: 'nearest' }),
    [here],
  );
  return (
    <nav aria-label="Console" ref={menu}>
      {places.map(([place, label]) => (
        <a href={to(place)} aria-current={isHere(place) ? 'page' : undefined} key={place}>
          {label}
        </a>
      ))}
    </nav>
  );
}

const words = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Connection lost',
  trouble: 'No figures',
};

function Connection() {
  const { state } = connection.value;
  return (
    <span class={`connection ${state}`} role="status">
      {words[state]}
    </span>
  );
}

function Lost() {
  const { state, detail } = connection.value;
  if (state === 'lost')
    return (
      <p class="banner">
        The connection to the API is lost. What you see is from before; it goes on by itself once
        the API answers.
      </p>
    );
  return state === 'trouble' ? (
    <p class="banner">{detail} What you see is from before; it goes on by itself.</p>
  ) : null;
}

function Who() {
  const who = session.value;
  if (!who) return null;
  const leave = () =>
    signOut().catch((error: unknown) => tell(`You are still signed in: ${reasonOf(error)}`, 'bad'));
  return (
    <>
      {who.temporal_ui && (
        <a class="outside" href={`${who.temporal_ui}/workflows`} target="_blank" rel="noreferrer">
          Temporal
        </a>
      )}
      <button type="button" class="keys-button" onClick={() => (opened.value = 'go to')}>
        Go to <kbd>{GO_TO_KEYS}</kbd>
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="Keys of the keyboard"
        title="Keys of the keyboard"
        onClick={() => (opened.value = 'help')}
      >
        ?
      </button>
      <span class="name">
        {who.name}
        {who.role === 'viewer' && <span class="muted"> (viewer)</span>}
      </span>
      <button type="button" class="quiet" onClick={() => void leave()}>
        Sign out
      </button>
    </>
  );
}
