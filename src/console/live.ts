import { signal } from '@preact/signals';
import type { Sample } from '../ops/status/sample.ts';
import { whoAmI } from './session.ts';

/** The last five minutes, oldest first. */
export const samples = signal<Sample[]>([]);

/** `lost`: the API does not answer. `trouble`: it does, and does not know just now. */
export const connection = signal<{
  state: 'connecting' | 'live' | 'lost' | 'trouble';
  detail?: string;
}>({ state: 'connecting' });

const KEPT_MS = 5 * 60_000;
/** How long a page that nobody sees goes on listening, in ms. */
const UNSEEN_MS = 60_000;
/**
 * How long to wait before asking for the stream again, in ms: longer each time, up to this.
 */
const LONGEST_WAIT = 10_000;

let source: EventSource | undefined;
/**
 * Between {@link listen} and its end, and while the page is seen: nothing that comes late opens a
 * stream again.
 */
let isWanted = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

function keep(more: Sample[]): void {
  const newest = more.at(-1);
  if (!newest) return;
  const from = Date.parse(newest.at) - KEPT_MS;
  const first = more[0]?.at ?? newest.at;
  samples.value = [
    ...samples.peek().filter(({ at }) => at < first && Date.parse(at) > from),
    ...more,
  ];
}

function open(): void {
  close();
  if (!isWanted) return;
  source = new EventSource('/v1/ops/stream');
  const told = (event: string, tell: (data: string) => void) =>
    source?.addEventListener(event, (e) => tell((e as MessageEvent<string>).data));
  told('recent', (data) => {
    failures = 0;
    connection.value = { state: 'live' };
    keep(JSON.parse(data) as Sample[]);
  });
  told('sample', (data) => {
    connection.value = { state: 'live' };
    keep([JSON.parse(data) as Sample]);
  });
  told('trouble', (data) => {
    connection.value = {
      state: 'trouble',
      detail: (JSON.parse(data) as { detail: string }).detail,
    };
  });
  // A stream lasts five minutes.
  told('renew', open);
  source.onerror = lost;
}

/** Whatever ended it, we ask again ourselves: a browser gives up where the answer was an error. */
function lost(): void {
  close();
  if (!isWanted) return;
  connection.value = { state: 'lost' };
  failures += 1;
  timer = setTimeout(again, Math.min(LONGEST_WAIT, 500 * 2 ** failures));
}

/** The session may be over: then the page stops listening. */
function again(): void {
  whoAmI().then(open, lost);
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

/**
 * Listens until it is told to stop, and not while the page has not been seen for a minute.
 *
 * @returns stops
 */
export function listen(): () => void {
  const wake = () => {
    isWanted = true;
    open();
  };
  const sleep = () => {
    isWanted = false;
    close();
  };
  let unseen: ReturnType<typeof setTimeout> | undefined;
  const onSeen = () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(sleep, UNSEEN_MS);
    else if (!isWanted) wake();
  };
  document.addEventListener('visibilitychange', onSeen);
  wake();
  return () => {
    document.removeEventListener('visibilitychange', onSeen);
    clearTimeout(unseen);
    sleep();
    connection.value = { state: 'connecting' };
  };
}
