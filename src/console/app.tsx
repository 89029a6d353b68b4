import type { FunctionComponent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { CallError } from './calls.ts';
import { focusPage } from './keyboard.tsx';
import { Shell } from './layout.tsx';
import { listen } from './live.ts';
import { path } from './location.ts';
import { EndpointPage } from './pages/endpoint.tsx';
import { EndpointsPage } from './pages/endpoints.tsx';
import { EventTypePage, EventTypesPage } from './pages/event-types.tsx';
import { EventsPage } from './pages/events.tsx';
import { FailedPage } from './pages/failed.tsx';
import { JourneyPage } from './pages/journey.tsx';
import { LogPage } from './pages/log.tsx';
import { OperationPage } from './pages/operation.tsx';
import { OperationsPage } from './pages/operations.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { SchedulesPage } from './pages/schedules.tsx';
import { SearchPage } from './pages/search.tsx';
import { SubscriberPage } from './pages/subscriber.tsx';
import { SubscribersPage } from './pages/subscribers.tsx';
import { Failure } from './parts/states.tsx';
import { session, whoAmI } from './session.ts';
import { SignIn } from './sign-in.tsx';

type Page = FunctionComponent<{ of: string }>;

/**
 * Each address and its page. The page gets what the address names. Operations keep the address
 * that they had when they were called jobs: people have bookmarks.
 */
const pages: [pattern: RegExp, page: Page][] = [
  [/^\/$/, OverviewPage],
  [/^\/subscribers$/, SubscribersPage],
  [/^\/subscribers\/([^/]+)$/, SubscriberPage],
  [/^\/failed$/, FailedPage],
  [/^\/jobs$/, OperationsPage],
  [/^\/jobs\/([^/]+)$/, OperationPage],
  [/^\/events$/, EventsPage],
  [/^\/event-types$/, EventTypesPage],
  [/^\/event-types\/([^/]+)$/, EventTypePage],
  [/^\/schedules$/, SchedulesPage],
  [/^\/journey$/, JourneyPage],
  [/^\/journey\/([^/]+)$/, JourneyPage],
  [/^\/search$/, SearchPage],
  [/^\/endpoints$/, EndpointsPage],
  [/^\/endpoints\/([^/]+)$/, EndpointPage],
  [/^\/log$/, LogPage],
];

/** The console: asks who is signed in, then shows what the address says. */
export function App() {
  const [error, setError] = useState<CallError | null>(null);
  const ask = () => whoAmI().then(() => setError(null), setError);
  useEffect(() => void ask(), []);
  if (session.value === null) return <SignIn />;
  if (session.value === undefined)
    return error ? <Failure error={error} retry={ask} /> : <p class="loading">Loading …</p>;
  return <SignedIn />;
}

function SignedIn() {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(listen, []);
  const here = path.value;
  useEffect(() => {
    // The first page is announced by itself.
    if (isFirst.current) isFirst.current = false;
    else focusPage(main.current);
    const heading = main.current?.querySelector('h1')?.textContent;
    document.title = heading ? `${heading} · Knock-on` : 'Knock-on';
  }, [here]);
  return (
    <Shell main={main}>
      <Shown />
    </Shell>
  );
}

function Shown() {
  for (const [pattern, Page] of pages) {
    const found = pattern.exec(path.value);
    const of = decoded(found?.[1] ?? '');
    if (found && of !== undefined) return <Page of={of} key={path.value} />;
  }
  return (
    <Failure
      error={new CallError(404, 'The console has no such page. The menu has all of them.')}
    />
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
