import type { World } from '../checks/check.ts';
import type { Options } from '../options.ts';
import type { Part } from '../parts/part.ts';
import type { TcpProxy } from '../parts/proxy.ts';
import type { Stage } from '../parts/stage.ts';
import { Still } from '../parts/still.ts';
import type { Watchdog } from '../parts/watchdog.ts';
import { randomFrom } from '../random.ts';
import { ReadinessWatch } from '../readiness.ts';
import { Canary } from './canary.ts';
import { trouble } from './mischief.ts';
import { type Kind, kinds, planOf } from './plan.ts';
import { switchesOf } from './switches.ts';
import type { Past } from './truth.ts';

export interface Setting {
  stage: Stage;
  watchdog: Watchdog;
  world: World;
  parts: Part[];
  proxy: TcpProxy;
  tell: (line: string) => void;
}

/**
 * Ill-treats the connections to Postgres for as long as the options say, and asks meanwhile who is
 * ready.
 */
export async function ailNetwork(
  { seed, minutes, only }: Options,
  { stage, watchdog, world, parts, proxy, tell }: Setting,
) {
  const still = new Still(watchdog);
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
    const past: Past[] = await trouble(planOf(randomFrom(seed), among), minutes * 60_000, {
      switches,
      ready,
      canary,
      kinds: among,
      tell,
    });
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
function chosen(only: string[]): readonly Kind[] {
  const found = kinds.filter(
    (kind) => only.length === 0 || only.some((beginning) => kind.startsWith(beginning)),
  );
  if (found.length === 0) throw new Error(`--only must name troubles among ${kinds.join(', ')}`);
  return found;
}
