import { defineConfig } from 'vitest/config';

/**
 * What leans most on Postgres: each kind of statement, but not each case. It runs on every older
 * major version that Knock-on works with.
 */
const everywhere = [
  'test/database/db/migrate.test.ts',
  'test/database/messages/create.test.ts',
  'test/database/outbox/{emit,emit-in-sql,emit-transactions}.test.ts',
  'test/database/effects/{audit,cache,search}.test.ts',
  'test/database/growth/retention.test.ts',
];

/** Runs on the oldest alone: what that can do, the others can too. */
const oldest = [
  'test/database/effects/webhooks-limits.test.ts',
  'test/database/outbox/dispatcher.test.ts',
  'test/database/ops/ledger.test.ts',
  'test/database/protocol/calls.test.ts',
  'test/database/growth/query-plans.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [15, 16, 17].map((major) => ({
      test: {
        name: `postgres-${major}`,
        include: major === 15 ? [...everywhere, ...oldest] : everywhere,
        globalSetup: ['test/setup/older-postgres.ts'],
        isolate: false,
        setupFiles: ['test/setup/fresh-modules.ts'],
        restoreMocks: true,
        testTimeout: 60_000,
        hookTimeout: 60_000,
        expect: { poll: { timeout: 20_000 } },
        env: { LOG_LEVEL: 'silent' },
      },
    })),
  },
});
