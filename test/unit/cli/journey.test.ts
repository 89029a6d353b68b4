import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Api, createApi } from '../../../src/cli/api/client.ts';
import { runDemo } from '../../../src/cli/demo/demo.ts';
import { showSubscribers } from '../../../src/cli/operate/subscribers.ts';
import type { EffectView, EventView, JourneyView } from '../../../src/cli/trace/journey.ts';
import { showJourney } from '../../../src/cli/trace/journey.ts';
import { follow } from '../../../src/cli/trace/trace.ts';
import { type StandIn, startStandIn } from '../../harness/api-stand-in.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

let standIn: StandIn;
let api: Api;
const address = () => ({ url: standIn.url, key: standIn.key, from: '--api-url', stale: false });

beforeEach(async () => {
  standIn = await startStandIn();
  api = createApi(address());
});

afterEach(async () => {
  await api.close();
  await standIn.close();
});

const id = '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70';
const began = '2026-01-01T12:00:00.000Z';
const done = (subscriber: string, ms: number): EffectView => ({
  ...{ subscriber, state: 'done', attempts: 1, last_error: null },
  completed_at: new Date(Date.parse(began) + ms).toISOString(),
});
const open = (
  subscriber: string,
  state: EffectView['state'],
  rest: Partial<EffectView> = {},
): EffectView => ({
  ...{ subscriber, state, attempts: 0, last_error: null, completed_at: null },
  ...rest,
});
const url = 'http://ui/namespaces/default/workflows/w/r/history';
const journey = (effects: EffectView[], type = 'message.created'): JourneyView => {
  const event: EventView = {
    id: 'e',
    type,
    key: 'invoice-42',
    timestamp: began,
    dispatched_at: began,
    workflow: { id: 'w', run_id: 'r', url },
    effects,
  };
  return { message_id: 'm', events: [event] };
};

test('a journey shows the link to the workflow, and its effects in the order they were done', () => {
  const retried = open('webhooks', 'running', {
    attempts: 3,
    last_error: 'HTTP 503\nfrom example.com',
  });
  const text = showJourney(
    aTerminal(),
    journey([retried, done('search', 1500), done('audit', 38)]),
  );
  expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
    `message.created  ${began}  (event e)`,
    '  key invoice-42',
    `  workflow ${url}`,
    '  ✓ audit            done after 38 ms',
    '  ✓ search           done after 1.5 s',
    '  … webhooks         running, 3 attempts',
    '      HTTP 503',
    '      from example.com',
  ]);
});

test('an event that waits for its dispatch, and one that nobody wants, say so', () => {
  const { message_id, events } = journey([]);
  const text = showJourney(aTerminal(), {
    message_id,
    events: [{ ...events[0]!, dispatched_at: null, workflow: null }],
  });
  expect(text).toContain('not dispatched yet');
  expect(text).toContain('nobody subscribes');
});

test('an event that another transport than Temporal sees to names no workflow, and is not said to wait', () => {
  const { message_id, events } = journey([done('search', 5)]);
  const text = showJourney(aTerminal(), {
    message_id,
    events: [{ ...events[0]!, workflow: null }],
  });
  expect(text).not.toContain('not dispatched yet');
  expect(text).not.toContain('workflow');
  expect(text).toContain('done after 5 ms');
});

const scheduled = (rest: Partial<EventView> = {}): JourneyView => {
  const deliver_at = '2026-03-01T12:00:00.000Z';
  const waits = { deliver_at, state: 'scheduled', dispatched_at: null, workflow: null } as const;
  return { events: [{ ...journey([]).events[0]!, ...waits, ...rest }] };
};

test('an event that is scheduled or was cancelled says so, and nothing of subscribers', () => {
  const text = showJourney(aTerminal(), scheduled());
  expect(text).toContain('scheduled for 2026-03-01T12:00:00.000Z');
  expect(text).not.toMatch(/nobody|not dispatched/);
  const cancelled_at = '2026-02-01T12:00:00.000Z';
  expect(showJourney(aTerminal(), scheduled({ state: 'cancelled', cancelled_at }))).toContain(
    `cancelled at ${cancelled_at}`,
  );
});

test('an effect’s time counts from the moment that its event was for', () => {
  const effects = [{ ...done('audit', 0), completed_at: '2026-03-01T12:00:00.020Z' }];
  const text = showJourney(aTerminal(), scheduled({ state: 'due', dispatched_at: began, effects }));
  expect(text).toContain('done after 20 ms');
});

test('following an event that is scheduled goes on until its effects are done', async () => {
  const terminal = aTerminal();
  const due = { state: 'due', dispatched_at: began } as const;
  const effects = [{ ...done('audit', 0), completed_at: '2026-03-01T12:00:00.020Z' }];
  standIn.journeys = [
    scheduled(),
    scheduled({ ...due, effects: [open('audit', 'running')] }),
    scheduled({ ...due, effects }),
  ];
  expect(await follow(api, { id }, terminal)).toBe(0);
  expect(terminal.said.slice(1).map((line) => line.replace(/ +/g, ' '))).toEqual([
    'message.created due',
    'message.created … audit running',
    'message.created ✓ audit done after 20 ms',
    'Everything is done.',
  ]);
});

test('following prints each change once and ends when all is done', async () => {
  const terminal = aTerminal();
  standIn.journeys = [
    journey([open('audit', 'running'), open('search', 'running')]),
    journey([done('audit', 20), open('search', 'running')]),
    journey([done('audit', 20), done('search', 30)]),
  ];
  expect(await follow(api, { id }, terminal)).toBe(0);
  expect(terminal.said.slice(1).map((line) => line.replace(/ +/g, ' '))).toEqual([
    'message.created ✓ audit done after 20 ms',
    'message.created ✓ search done after 30 ms',
    'Everything is done.',
  ]);
});

test('following ends with 1 where an effect has failed', async () => {
  const terminal = aTerminal();
  standIn.journeys = [
    journey([open('webhooks', 'failed', { attempts: 12, last_error: 'gone' }), done('audit', 20)]),
  ];
  expect(await follow(api, { id }, terminal)).toBe(1);
  expect(terminal.said.at(-1)).toBe('1 failed, the rest is done.');
});

test('following as JSON prints the whole journey each time it has changed', async () => {
  const terminal = aTerminal();
  const states = [
    journey([open('audit', 'waiting')]),
    journey([open('audit', 'waiting')]),
    journey([done('audit', 9)]),
  ];
  standIn.journeys = [...states];
  await follow(api, { id }, terminal, true);
  expect(terminal.said.map((line) => JSON.parse(line))).toEqual([states[0], states[2]]);
});

test('an id that is no message’s is that of an event, of whatever type', async () => {
  const terminal = aTerminal();
  const [event] = journey([done('books', 7)], 'invoice.paid').events;
  standIn.answers = { [`GET /v1/events/${id}/effects`]: event };
  expect(await follow(api, { id }, terminal, true)).toBe(0);
  expect(JSON.parse(terminal.said[0]!)).toEqual({ events: [event] });
});

test('a key has the journeys of its newest events, oldest first', async () => {
  const ids = [id.replace(/0$/, '2'), id.replace(/0$/, '1')];
  const events = ids.map((one) => ({ ...journey([done('books', 7)]).events[0]!, id: one }));
  standIn.answers = {
    'GET /v1/events': { data: events },
    ...Object.fromEntries(events.map((event) => [`GET /v1/events/${event.id}/effects`, event])),
  };
  const terminal = aTerminal();
  await follow(api, { key: 'invoice 42' }, terminal, true);
  expect(JSON.parse(terminal.said[0]!)).toEqual({ events: events.toReversed() });
  expect(standIn.requests[0]).toContain('key=invoice%2042');
});

test('an id or a key that nothing has is said so', async () => {
  await expect(follow(api, { id }, aTerminal())).rejects.toThrow(
    `No message and no event of the workspace has the id ${id}.`,
  );
  await expect(follow(api, { key: 'invoice-42' }, aTerminal())).rejects.toThrow(
    'No event of the workspace has the key "invoice-42".',
  );
});

test('subscribers are shown with backlog and lag', async () => {
  const terminal = aTerminal();
  standIn.subscribers = [
    {
      name: 'audit',
      event_types: ['*'],
      task_queue: 'effects.audit',
      ordering: 'exclusive',
      state: 'active',
      backlog: 12,
      lag_seconds: 90,
    },
  ];
  await showSubscribers(api, terminal);
  expect(terminal.said[0]?.split('\n')[1]).toMatch(
    /^audit +\* +effects\.audit +exclusive +active +12 +1 min 30 s$/,
  );
  await showSubscribers(api, terminal, true);
  expect(JSON.parse(terminal.said[1] ?? '')).toEqual(standIn.subscribers);
});

test('the demo posts, edits and deletes, and shows what each has caused', async () => {
  const terminal = aTerminal();
  standIn.subscribers = [{ name: 'audit' }];
  const soon = { ...done('audit', 0), completed_at: new Date(Date.now() + 60_000).toISOString() };
  const events = ['message.created', 'message.updated', 'message.deleted'].flatMap(
    (type) => journey([soon, open('mail', 'waiting')], type).events,
  );
  standIn.journeys = [{ message_id: 'm', events }];
  await runDemo({ api, address: address(), channel: 'demo', terminal, json: false });
  const text = terminal.said.join('\n');
  expect(standIn.messages.length).toBeGreaterThanOrEqual(6);
  expect(standIn.requests.map((request) => request.split(' ')[0])).toEqual(
    expect.arrayContaining(['PATCH', 'DELETE']),
  );
  expect(text).toContain(url);
  expect(text).toMatch(/mail waits on a durable timer/);
  expect(text).toMatch(/knockon trace [0-9a-f-]{36}/);
});

test('the demo is a customer too, whose server refuses one webhook, and names the console', async () => {
  const terminal = aTerminal();
  standIn.subscribers = [{ name: 'webhooks' }];
  standIn.answers = {
    'GET /v1/endpoints': {
      data: [{ id: 'left-behind', description: 'The server of `knockon demo`' }],
      next_cursor: null,
    },
    'DELETE /v1/endpoints/left-behind': {},
    'POST /v1/endpoints': { id: 'own' },
    'DELETE /v1/endpoints/own': {},
    'GET /v1/members/grace': {},
  };
  standIn.journeys = [
    journey([open('webhooks', 'running', { attempts: 1, last_error: 'HTTP 503' })]),
    journey([done('webhooks', 9)]),
  ];
  const up = { console_url: 'http://127.0.0.1:3000/console', mail_url: 'http://127.0.0.1:8025' };
  const statuses: number[] = [];
  const out = terminal.out;
  // Posts webhooks once the demo has said where to; the endpoint is gone when it has ended.
  terminal.out = (text) => {
    out(text);
    const url = /Webhooks go to (\S+),/.exec(text)?.[1];
    if (url) sending = send(url, statuses);
  };
  let sending: Promise<void> | undefined;
  const demo = runDemo({
    api,
    address: { ...address(), up },
    channel: 'demo',
    terminal,
    json: false,
  });
  await expect.poll(() => sending !== undefined, { timeout: 10_000 }).toBe(true);
  await Promise.all([demo, sending]);
  expect(statuses).toEqual([200, 200, 503, 200, 200]);
  const text = terminal.said.join('\n');
  expect(text).toContain('webhooks is tried again: HTTP 503');
  expect(text).toContain('the console           http://127.0.0.1:3000/console');
  expect(standIn.requests).toEqual(
    expect.arrayContaining(['DELETE /v1/endpoints/left-behind', 'DELETE /v1/endpoints/own']),
  );
});

async function send(url: string, statuses: number[]): Promise<void> {
  for (const id of ['a', 'b', 'c', 'c', 'd'])
    statuses.push((await fetch(url, { method: 'POST', headers: { 'webhook-id': id } })).status);
}

test('the demo as JSON prints a line for each request', async () => {
  const terminal = aTerminal();
  standIn.subscribers = [{ name: 'audit' }];
  standIn.journeys = [journey([done('audit', 1)])];
  await runDemo({ api, address: address(), channel: 'demo', terminal, json: true });
  const lines = terminal.said.map((line) => JSON.parse(line));
  expect(lines).toHaveLength(10);
  expect(lines[0]).toMatchObject({
    type: 'message.created',
    workflow_url: url,
    effects: [{ subscriber: 'audit', state: 'done' }],
  });
});

test('the demo without effect workers says what to start', async () => {
  await expect(
    runDemo({ api, address: address(), channel: 'demo', terminal: aTerminal(), json: false }),
  ).rejects.toThrow('npm start');
});
