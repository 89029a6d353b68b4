import { defineConfig } from 'vitest/config';

/** What leans most on Postgres, run on every older major version that Knock-on works with: each kind of statement, but not each case. */
const everywhere = [
  'test/db/migrate.test.ts',
  'test/messages/create.test.ts',
  'test/outbox/emit.test.ts',
  'test/effects/{audit,cache,search}.test.ts',
  'test/growth/retention.test.ts',
];

/** On the oldest alone: what it can do all can. */
const oldest = [
  'test/effects/webhooks-limits.test.ts',
  'test/outbox/dispatcher.test.ts',
  'test/ops/ledger.test.ts',
  'test/growth/query-plans.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [15, 16, 17].map((major) => ({
      test: {
        name: `postgres-${major}`,
        include: major === 15 ? [...everywhere, ...oldest] : everywhere,
        globalSetup: ['test/older-postgres.ts'],
        testTimeout: 60_000,
        hookTimeout: 60_000,
        expect: { poll: { timeout: 20_000 } },
        env: { LOG_LEVEL: 'silent' },
      },
    })),
  },
});
