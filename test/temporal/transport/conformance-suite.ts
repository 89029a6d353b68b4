import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import type { Config } from '../../../src/settings/config.ts';
import { TransportFixture } from './fixture.ts';
import { dispatched } from './suite/dispatched.ts';
import { floods } from './suite/floods.ts';
import { httpSubscribers } from './suite/http-subscribers.ts';
import { later } from './suite/later.ts';
import { openEvents } from './suite/open-events.ts';
import { subscribers } from './suite/subscribers.ts';
import { targets } from './suite/targets.ts';
import { wholeCalls } from './suite/whole-calls.ts';
import { workers } from './suite/workers.ts';
import { TransportTestbed } from './testbed.ts';

/**
 * What every transport must do; run for each of them, with workers in this process. What it must
 * come through is in crash-suite.ts.
 */
export function conformance(transport: Config['KNOCKON_TRANSPORT']): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
  const fixture = new TransportFixture();
  beforeAll(async () => fixture.use(await TransportTestbed.open(transport)));
  afterEach(() => fixture.testbed.clear());
  afterAll(() => fixture.close());

  dispatched(fixture);
  floods(fixture);
  subscribers(fixture);
  httpSubscribers(fixture);
  workers(fixture);
  openEvents(fixture);
  later(fixture);
  wholeCalls(fixture);
  targets(fixture);
}
