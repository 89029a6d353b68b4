import type { World } from '../checks/check.ts';
import type { Options } from '../options.ts';
import { Freezer } from '../processes/freezer.ts';
import type { ManagedProcess } from '../processes/managed-process.ts';
import type { RunFolder } from '../processes/run-folder.ts';
import type { Watchdog } from '../processes/watchdog.ts';
import { randomFrom } from '../random.ts';
import { ReadinessWatch } from '../readiness.ts';
import { Canary } from './canary.ts';
import { causeFaults } from './cause-faults.ts';
import type { PastFault } from './expected-readiness.ts';
import { type FaultKind, faultKinds, planFaults } from './fault-plan.ts';
import { switchesOf } from './switches.ts';
import type { TcpProxy } from './tcp-proxy.ts';

export interface Setting {
  stage: RunFolder;
  watchdog: Watchdog;
  world: World;
  parts: ManagedProcess[];
  proxy: TcpProxy;
  tell: (line: string) => void;
}

/**
 * Ill-treats the connections to Postgres for as long as the options say, and asks meanwhile who is
 * ready.
 */
export async function disturbNetwork(
  { seed, minutes, only }: Options,
  { stage, watchdog, world, parts, proxy, tell }: Setting,
) {
  const still = new Freezer(watchdog);
  const ready = new ReadinessWatch(stage.apiUrls);
  const switches = switchesOf({
    proxy,
    adminUrl: stage.databaseUrl.replace(/knockon$/, 'postgres'),
    stopPostgres: () => still.stop(parts.find(({ name }) => name === 'postgres')!.pid!),
    continuePostgres: async () => still.goOn(),
  });
  const canary = new Canary(world);
  const among = chosen(only);
  ready.start();
  try {
    const past: PastFault[] = await causeFaults(
      planFaults(randomFrom(seed), among),
      minutes * 60_000,
      {
        switches,
        ready,
        canary,
        kinds: among,
        tell,
      },
    );
    await canary.done();
    return { past, probes: ready.probes };
  } finally {
    still.goOn();
    proxy.set('clear');
    await ready.stop();
    await switches.close();
  }
}

/** @throws where no trouble is called so */
function chosen(only: string[]): readonly FaultKind[] {
  const found = faultKinds.filter(
    (kind) => only.length === 0 || only.some((beginning) => kind.startsWith(beginning)),
  );
  if (found.length === 0)
    throw new Error(`--only must name troubles among ${faultKinds.join(', ')}`);
  return found;
}
