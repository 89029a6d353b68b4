import { computed, signal } from '@preact/signals';

/** Below which everything is. */
const ROOT = '/console';

const address = signal(read());

/** Where we are, below /console: `/`, `/subscribers/search`. */
export const path = computed(
  () => address.value.pathname.slice(ROOT.length).replace(/\/+$/, '') || '/',
);

export const query = computed(() => address.value.searchParams);

function read(): URL {
  return new URL(window.location.href);
}

/** The address of a place of ours. What is empty is left out. */
export function to(place: string, params: Record<string, string | undefined | null> = {}): string {
  const given = Object.entries(params).flatMap(([name, value]) => (value ? [[name, value]] : []));
  const search = new URLSearchParams(given).toString();
  return `${ROOT}${place === '/' ? '' : place}${search ? `?${search}` : ''}`;
}

/** Goes there as a click would. @param replace whether going back skips where we are */
export function go(href: string, replace = false): void {
  const isElsewhere = new URL(href, window.location.href).pathname !== address.value.pathname;
  window.history[replace ? 'replaceState' : 'pushState'](null, '', href);
  address.value = read();
  if (isElsewhere) window.scrollTo(0, 0);
}

/** Whether the browser is to follow that link itself. */
function isForeign(event: MouseEvent, link: HTMLAnchorElement): boolean {
  const isPlain =
    event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const isOurs =
    link.origin === window.location.origin &&
    (link.pathname === ROOT || link.pathname.startsWith(`${ROOT}/`));
  return !isPlain || !isOurs || link.target !== '' || link.hash !== '' || event.defaultPrevented;
}

/** From now on links of ours change the page in place. */
export function followLinks(): void {
  window.addEventListener('popstate', () => {
    address.value = read();
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || isForeign(event, link)) return;
    event.preventDefault();
    go(link.href);
  });
}

/** The pages of the menu. */
export const places: [place: string, label: string][] = [
  ['/', 'Overview'],
  ['/subscribers', 'Subscribers'],
  ['/failed', 'Failed'],
  ['/jobs', 'Operations'],
  ['/events', 'Events'],
  ['/event-types', 'Event types'],
  ['/schedules', 'Schedules'],
  ['/journey', 'Journey'],
  ['/search', 'Search'],
  ['/endpoints', 'Endpoints'],
  ['/log', 'Log'],
];
