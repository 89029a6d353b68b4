import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/setup/longest-first.ts';

const postgres = 'test/setup/postgres.ts';
const temporal = 'test/setup/temporal.ts';
const workflows = 'test/setup/workflow-bundle.ts';

/** The tiers of the tests, and the servers that each of them needs. */
const tiers = {
  unit: [],
  database: [postgres],
  temporal: [postgres, temporal, workflows],
  whole: [postgres, temporal, workflows],
};

export default defineConfig({
  test: {
    pool: 'forks',
    // Most files wait for servers more than they compute: three of them keep two cores busy.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A condition is waited for as long as a busy machine may need; one that holds is seen at once.
    expect: { poll: { timeout: 20_000 } },
    env: { LOG_LEVEL: 'silent' },
    projects: Object.entries(tiers).map(([name, globalSetup]) => ({
      extends: true,
      test: {
        name,
        globalSetup,
        include: [`test/${name}/**/*.test.ts`],
        // Servers and processes that they start wait for each other on a busy machine.
        ...(['temporal', 'whole'].includes(name) && { testTimeout: 120_000, hookTimeout: 180_000 }),
      },
    })),
  },
});
