import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { DoctorContext } from '../../../src/ops/doctor/finding.ts';
import { checkStrangers, checkWorkers } from '../../../src/ops/doctor/subscribers.ts';
import { subscriberStatuses } from '../../../src/ops/status/subscriber-status.ts';
import type { Queues } from '../../../src/transport/queues.ts';
import { noteDeployment } from '../../../src/workers/deployment.ts';
import { ProtocolFixture, refusal } from './fixture.ts';

let protocol: ProtocolFixture;
beforeAll(async () => {
  protocol = await ProtocolFixture.open();
  await protocol.register({ name: 'ledger', event_types: ['*'], timeout_ms: 60_000 });
});
afterAll(() => protocol.test.close());
afterEach(() => vi.useRealTimers());

const queues: Queues = {
  enforcedBy: 'server',
  describe: async () => ({
    calls: 0,
    age_seconds: 0,
    rate: 0,
    pollers: [{ identity: '12@machine@', seen_at: new Date() }],
  }),
  setRate: async () => {},
  server: async () => null,
};

const doctor = (asked: Queues) =>
  ({ database: protocol.test.database, queues: asked }) as unknown as DoctorContext;

const status = async () => {
  const [one] = await subscriberStatuses({ database: protocol.test.database, queues }, 'ledger');
  return one;
};

it('a worker that asks the queue is seen, though it says nothing of itself', async () => {
  expect(await status()).toMatchObject({ host: 'worker', workers: 1, health: 'ok' });
});

it("a worker is seen whatever the API's clock says, and one that has stopped asking is not", async () => {
  const [row] = await protocol.pg<{ now: Date; before: Date }[]>`
    select now(), now() - interval '2 minutes' as before`;
  const seen = async (seen_at: Date, clock: number) => {
    const pollers = [{ identity: '12@machine@', seen_at }];
    const describe = async () => ({ calls: 0, age_seconds: 0, rate: 0, pollers });
    const asked = { ...queues, workflowQueue: 'workflows', describe };
    vi.useFakeTimers({ now: Date.now() + clock, toFake: ['Date'] });
    const findings = [
      ...(await checkWorkers(doctor(asked))),
      ...(await checkStrangers(doctor(asked))),
    ];
    vi.useRealTimers();
    return findings.map(({ check, ok }) => ({ [check]: ok }));
  };
  const here = [{ workers: true }, { 'workflow workers': true }, { strangers: false }];
  const gone = [{ workers: false }, { 'workflow workers': false }, { strangers: true }];
  expect(await seen(row!.now, 300_000)).toEqual(here);
  expect(await seen(row!.now, -300_000)).toEqual(here);
  expect(await seen(row!.before, -300_000)).toEqual(gone);
});

it('a subscriber is drained once the longest call of before the pause is over', async () => {
  const pausedFor = (seconds: number) => protocol.pg`
    insert into knockon.controls (subscriber, paused_at, paused_by, pause_reason)
    values ('ledger', now() - ${seconds} * interval '1 s', 'a', 'test')
    on conflict (subscriber) do update set paused_at = excluded.paused_at`;
  await pausedFor(50);
  expect(await status()).toMatchObject({ state: 'paused', drained: false });
  await pausedFor(70);
  expect(await status()).toMatchObject({ state: 'paused', drained: true });
});

it('what a process of ours knows of its settings decides where calls are, and whether at all', async () => {
  const given = { name: 'other', event_types: ['*'] };
  const of = { KNOCKON_DEPLOYMENT: 'blue', KNOCKON_TRANSPORT: 'temporal' } as const;
  expect(await noteDeployment(protocol.pg, of)).toEqual([]);
  expect(await protocol.register(given)).toMatchObject({ task_queue: 'blue.effects.other' });
  const boss = { KNOCKON_DEPLOYMENT: undefined, KNOCKON_TRANSPORT: 'pg-boss' } as const;
  expect(await noteDeployment(protocol.pg, boss)).toEqual(['ledger', 'other']);
  expect(await refusal(protocol.register(given))).toMatch(/^KN008 /);
});
