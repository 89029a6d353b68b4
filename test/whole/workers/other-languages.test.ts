import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SubscriberStatus } from '../../../src/ops/status/subscriber-status.ts';
import { OPERATOR, useDeployment } from '../../harness/processes.ts';
import {
  type Ledger,
  type LedgerProcess,
  ledgers,
  makeRole,
  newFolder,
  removeFolder,
} from './ledgers.ts';

const soon = { timeout: 60_000, interval: 100 };
const knockon = useDeployment();
const here = ledgers.filter(({ isHere }) => isHere);
const running = new Map<string, LedgerProcess>();
let folder = '';
let url = '';
let workspaceId = '';

beforeAll(async () => {
  folder = await newFolder();
  const { current } = knockon;
  const [api] = await Promise.all([
    current.start('api'),
    current.start('worker workflows'),
    makeRole(current),
    ...here.map((ledger) => ledger.build(folder)),
  ]);
  ({ url } = api);
  workspaceId = (await ask('POST', '/v1/workspaces', { name: 'Acme' })).id;
  await ask('PUT', '/v1/ops/event_types/invoice.paid', { schema: { type: 'object' } });
  await current.database.pg`insert into accounts values ('ada')`;
  await Promise.all(here.map(start));
}, 600_000);
afterAll(async () => {
  await Promise.all([...running.values()].map((worker) => worker.kill()));
  await removeFolder(folder);
});

const pg = () => knockon.current.database.pg;

async function start(ledger: Ledger): Promise<void> {
  running.set(ledger.name, await ledger.start(knockon.current, folder));
}

async function ask(method: string, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' };
  const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Emits invoices in one transaction, so that they are one group. @returns their ids, in order */
async function emit(count: number, of: (i: number) => object = () => ({})): Promise<string[]> {
  const events = Array.from({ length: count }, (_, i) => ({
    type: 'invoice.paid',
    workspace: workspaceId,
    payload: { invoice_id: `${i}`, customer: 'ada', amount_cents: 500, ...of(i) },
  }));
  const rows = await pg()`select knockon.emit_many(${pg().json(events as never)}) as id`;
  return rows.map(({ id }) => String(id));
}

/** Checks each of the workers, and names the one that fails. */
async function each(check: (name: string) => Promise<void>): Promise<void> {
  await Promise.all(
    here.map(({ name }) =>
      check(name).catch((error) => {
        error.message = `${name}: ${error.message}`;
        throw error;
      }),
    ),
  );
}

/** How often each of these events was booked. */
async function bookings(name: string, events: string[]): Promise<number[]> {
  const rows = await pg()<{ n: number }[]>`
    select (select count(*)::int from ledger where booked_by = ${name} and event_id = e.id) as n
    from unnest(${events}::uuid[]) with ordinality as e (id, nth) order by nth`;
  return rows.map(({ n }) => n);
}

const receipts = async (name: string, events: string[]): Promise<number> =>
  (
    await pg()`select from knockon.receipts
      where subscriber = ${name} and event_id = any(${events}::uuid[])`
  ).length;

/** All of them are done, and were booked so often. */
async function done(name: string, events: string[], times = 1): Promise<void> {
  await expect.poll(() => receipts(name, events), soon).toBe(events.length);
  expect(await bookings(name, events)).toEqual(events.map(() => times));
}

const letters = (name: string, event: string) => pg()`
  select cause, reason from knockon.dead_letters where subscriber = ${name} and event_id = ${event}`;

const attempts = (name: string, event: string) => pg()`
  select attempts, last_error from knockon.attempts
  where subscriber = ${name} and event_id = ${event}`;

const statusOf = (name: string): Promise<SubscriberStatus> =>
  ask('GET', `/v1/ops/subscribers/${name}`);

describe('a subscriber whose worker is TypeScript, Python or Go', () => {
  for (const { name, isHere } of ledgers)
    it.skipIf(!isHere)(`${name}: its worker is seen, and nothing is found wrong`, async () => {
      await expect
        .poll(() => statusOf(name), soon)
        .toMatchObject({ workers: 1, health: 'ok', applied: true });
      const { findings } = await ask('GET', '/v1/ops/doctor');
      const found = (findings as { check: string; detail: string }[]).filter(
        ({ check, detail }) => check !== 'queues' && detail.includes(name),
      );
      expect(found).toEqual([]);
    });

  it('does each event of a group once', async () => {
    const events = await emit(20);
    await each((name) => done(name, events));
  });

  it('has an event tried again until it can be done, and shows why it is not', async () => {
    const [event = ''] = await emit(1, () => ({ customer: 'bob' }));
    await each((name) =>
      expect
        .poll(() => attempts(name, event), soon)
        .toMatchObject([{ last_error: 'its customer has no account yet' }]),
    );
    await pg()`insert into accounts values ('bob')`;
    await each((name) => done(name, [event]));
  });

  it('has an event wait for its moment, without a try being counted', async () => {
    const at = new Date(Date.now() + 2500);
    const events = await emit(4, (i) => (i === 1 ? { book_at: at.toISOString() } : {}));
    await each(async (name) => {
      await done(name, events);
      expect(await attempts(name, events[1]!)).toMatchObject([{ attempts: 0 }]);
      const [row] = await pg()`select booked_at >= ${at} as in_time from ledger
        where booked_by = ${name} and event_id = ${events[1]!}`;
      expect(row).toEqual({ in_time: true });
    });
  });

  it('gives up an event that it says is dead, and does the others', async () => {
    const events = await emit(5, (i) => (i === 2 ? { amount_cents: 0 } : {}));
    const [dead] = events.splice(2, 1);
    const letter = { cause: 'amount', reason: 'its amount is not above 0' };
    await each(async (name) => {
      await expect.poll(() => letters(name, dead!), soon).toEqual([letter]);
      await done(name, events);
      expect(await bookings(name, [dead!])).toEqual([0]);
    });
  });

  it('gives up an event that its code fails at, and does the others of the group', async () => {
    const events = await emit(16, (i) => (i === 5 ? { amount_cents: 1e10 } : {}));
    const [poison] = events.splice(5, 1);
    await each(async (name) => {
      await done(name, events);
      await expect.poll(() => letters(name, poison!), soon).toHaveLength(1);
      const [{ cause } = { cause: '' }] = await letters(name, poison!);
      expect(cause).toContain('22003');
      expect(await bookings(name, [poison!])).toEqual([0]);
      const [tried] = await attempts(name, poison!);
      expect(tried).toMatchObject({ last_error: expect.stringContaining('22003') });
    });
  });

  it('does nothing while it is paused, and everything once it is resumed', async () => {
    await each((name) =>
      ask('POST', `/v1/ops/subscribers/${name}/pause`, { reason: 'a test' }).then(() => {}),
    );
    const events = await emit(3);
    await each(async (name) => {
      await expect
        .poll(() => statusOf(name), soon)
        .toMatchObject({ state: 'paused', queue: { calls: 1 }, backlog: 3 });
      expect(await receipts(name, events)).toBe(0);
    });
    await each((name) => ask('POST', `/v1/ops/subscribers/${name}/resume`, {}).then(() => {}));
    await each((name) => done(name, events));
  });

  it('does again what is done where a replay insists, and only then', async () => {
    const events = await emit(3);
    await each((name) => done(name, events));
    for (const [force, times] of [
      [false, 1],
      [true, 2],
    ] as const)
      await each(async (subscriber) => {
        const { id } = await ask('POST', '/v1/ops/replays', {
          subscriber,
          type: 'invoice.paid',
          from: new Date(Date.now() - 1000 * 60 * 60).toISOString(),
          force,
        });
        const operation = () => ask('GET', `/v1/ops/operations/${id}`);
        await expect.poll(operation, soon).toMatchObject({ state: 'done' });
        await expect
          .poll(() => bookings(subscriber, events), soon)
          .toEqual(events.map(() => times));
      });
  });

  it('loses nothing and does nothing twice when its worker is killed -9 in the middle', async () => {
    const client = postgres(knockon.current.url, { max: 1 });
    const holder = await client.reserve();
    await holder`begin`;
    await holder`lock table ledger in exclusive mode`;
    const events = await emit(6);
    const blocked = async () =>
      (await pg()`select from pg_locks where relation = 'ledger'::regclass and not granted`).length;
    await expect.poll(blocked, soon).toBe(here.length);
    await each((name) =>
      running
        .get(name)!
        .kill()
        .then(() => {}),
    );
    await holder`rollback`;
    holder.release();
    await client.end();
    await Promise.all(here.map(start));
    await each((name) => done(name, events));
  });

  it('spoke the protocol as its schemas say', async () => {
    const { calls, answers } = await recorded();
    const ajv = new Ajv2020({ allErrors: true });
    (addFormats as unknown as (to: Ajv2020) => void)(ajv);
    const check = (name: string, values: unknown[]) => {
      const path = new URL(`../../../docs/reference/schemas/${name}.json`, import.meta.url);
      const fits = ajv.compile(JSON.parse(readFileSync(path, 'utf8')));
      expect(values.filter((value) => !fits(value)).map((value) => [value, fits(value)])).toEqual(
        [],
      );
      expect(values.length).toBeGreaterThan(10);
    };
    check('effect-call', calls);
    check('effect-answer', answers);
  });
});

/** All calls and answers that Temporal has kept. */
async function recorded(): Promise<{ calls: unknown[]; answers: unknown[] }> {
  const { address, namespace } = knockon.current.temporal;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const dispatches = await pg()<{ id: string }[]>`select id from knockon.dispatches
    where started_at is not null and subscribers <> '{}'`;
  const calls: unknown[] = [];
  const answers: unknown[] = [];
  for (const { id } of dispatches) {
    const { events } = await client.workflow.getHandle(id).fetchHistory();
    const names = new Set(here.map(({ name }) => name));
    const ids = new Set<string>();
    for (const { eventId, ...event } of events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (scheduled && names.has(scheduled.activityType?.name ?? '')) {
        ids.add(String(eventId));
        calls.push(decode(scheduled.input));
      }
      const completed = event.activityTaskCompletedEventAttributes;
      if (completed && ids.has(String(completed.scheduledEventId)))
        answers.push(decode(completed.result));
    }
  }
  await connection.close();
  return { calls, answers };
}

type Payloads = { payloads?: { data?: Uint8Array | null }[] | null } | null | undefined;

const decode = (of: Payloads) =>
  JSON.parse(Buffer.from(of?.payloads?.[0]?.data ?? []).toString() || 'null');
