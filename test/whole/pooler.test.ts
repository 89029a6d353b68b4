import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Customer, soon } from '../harness/customer.ts';
import { isPgbouncerInstalled, startPgbouncer, type TestPgbouncer } from '../harness/pgbouncer.ts';
import { Deployment } from '../harness/processes.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe.runIf(isPgbouncerInstalled)('a deployment behind a pooler in transaction mode', () => {
  let knockon: Deployment;
  let pooler: TestPgbouncer;
  beforeEach(async () => {
    knockon = await Deployment.open();
    pooler = await startPgbouncer(knockon.url, 10);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(knockon.logs());
    await knockon.close();
    await pooler.stop();
  });

  it.each([
    ['temporal', 'none', ['api', 'relay', 'worker workflows', 'worker effects']],
    ['temporal', 'a direct URL', ['api', 'relay', 'worker workflows', 'worker effects']],
    ['pg-boss', 'none', ['api', 'relay', 'worker effects']],
  ])(
    'under %s, with %s, does every effect of a message that is accepted, and says at the start how it looks',
    async (transport, direct, commands) => {
      const settings = {
        DATABASE_URL: pooler.url,
        KNOCKON_TRANSPORT: transport,
        KNOCKON_DISPATCHER: 'off',
        ...(direct !== 'none' && { KNOCKON_DATABASE_DIRECT_URL: knockon.url }),
      };
      const [api, relay] = await Promise.all(
        commands.map((command) => knockon.start(command, settings)),
      );
      const acme = await Customer.at(api!.url);
      const posted = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          acme.post({ author: 'ada', text: `The zeppelin has landed, no. ${n}` }),
        ),
      );
      expect(posted.every(({ id }) => id)).toBe(true);
      const receipts = () => knockon.database.pg`select from knockon.receipts`;
      // The channel and its messages, for those who want them.
      await expect.poll(async () => (await acme.get('/v1/audit/verify')).entries, soon).toBe(21);
      await expect
        .poll(async () => (await acme.get('/v1/search?q=zeppelins&limit=50')).data.length, soon)
        .toBe(20);
      await expect
        .poll(() => acme.get(`/v1/channels/${acme.channelId}/summary`), soon)
        .toMatchObject({ messages: 20 });
      expect((await receipts()).length).toBeGreaterThan(0);
      if (direct === 'none')
        await expect.poll(() => relay!.log).toContain('KNOCKON_DATABASE_DIRECT_URL');
      else expect(relay!.log).not.toContain('KNOCKON_DATABASE_DIRECT_URL');
    },
  );
});
