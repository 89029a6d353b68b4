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

type Tier = keyof typeof tiers;

/**
 * Files that measure how long something waits, in a second or a few. Each runs with no other file
 * beside it, after all that do.
 */
const alone: Partial<Record<Tier, string[]>> = {
  database: [
    'api/heavy-reads',
    'api/keys',
    'db/limits',
    'effects/cache-redis',
    'effects/notifications-refusals',
    'effects/webhooks-name-lookup',
    'effects/webhooks-neighbours',
    'messages/neighbours',
    'outbox/later',
    'runtime/outage',
    'runtime/workspace-limits',
  ],
  temporal: ['transport/webhooks-neighbours'],
  // A busy API says 503 to some of what schemathesis asks, and that is right.
  whole: ['api/schemathesis', 'metrics-port', 'neighbours', 'processes', 'silent-database'],
};

const filesAlone = (tier: Tier) =>
  (alone[tier] ?? []).map((name) => `test/${tier}/${name}.test.ts`);

/** Projects whose files share processes, and with it what importing libraries costs. */
const sharing = ['unit', 'database'];

const project = (tier: Tier, name: string, files: { include: string[]; exclude?: string[] }) => ({
  name,
  globalSetup: tiers[tier],
  ...files,
  ...(sharing.includes(name) && {
    isolate: false,
    setupFiles: ['test/setup/fresh-modules.ts'],
    restoreMocks: true,
  }),
  // Servers and processes that they start wait for each other on a busy machine.
  ...(['temporal', 'whole'].includes(tier) && { testTimeout: 120_000, hookTimeout: 180_000 }),
});

const projects = (Object.keys(tiers) as Tier[]).flatMap((tier) => [
  project(tier, tier, { include: [`test/${tier}/**/*.test.ts`], exclude: filesAlone(tier) }),
  ...(alone[tier]
    ? [{ ...project(tier, `${tier}-alone`, { include: filesAlone(tier) }), maxWorkers: 1 }]
    : []),
]);

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
    projects: projects.map((test) => ({ extends: true, test })),
  },
});
