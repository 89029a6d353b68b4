import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import type { Config } from '../../src/config.ts';
import { TransportBench } from './test-transport.ts';
import { Kit } from './recorded-effects.ts';
import { dispatched } from './suite/dispatched.ts';
import { openEvents } from './suite/open-events.ts';
import { subscribers } from './suite/subscribers.ts';
import { targets } from './suite/targets.ts';
import { wholeCalls } from './suite/whole-calls.ts';
import { workers } from './suite/workers.ts';

/**
 * What every transport must do; run for each of them, with workers in this process. What it must
 * come through is in crashes.ts.
 */
export function conformance(transport: Config['KNOCKON_TRANSPORT']): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
  const kit = new Kit();
  beforeAll(async () => kit.use(await TransportBench.open(transport)));
  afterEach(() => kit.bench.clear());
  afterAll(() => kit.close());

  dispatched(kit);
  subscribers(kit);
  workers(kit);
  openEvents(kit);
  wholeCalls(kit);
  targets(kit);
}
