import type { Effect } from '../../src/activities/runtime/effect.ts';
import * as testing from '../../src/testing/fan-out.ts';
import type { TestDatabase } from './database.ts';
import { testServerPath, workflowBundle } from './temporal.ts';

/** The fan-out of `knockon/testing`, with what the whole run of tests shares. */
export const FanOut = {
  open: (test: Pick<TestDatabase, 'database' | 'url'>, effects: Effect[]) =>
    testing.FanOut.open(test, effects, {
      server: testServerPath(),
      workflows: workflowBundle(),
    }),
};

export type FanOut = testing.FanOut;
