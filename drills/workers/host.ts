import type { Effect } from '../../src/activities/runtime/effect.ts';
import { connectDatabase } from '../../src/db/client.ts';
import { readConfig } from '../../src/settings/config.ts';
import { hostEffects } from '../../src/workers/host-effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../src/workers/process/process.ts';

/** The whole of a worker process that hosts one effect. */
export async function host(effect: Effect): Promise<never> {
  const config = readConfig();
  const log = createLog('drill', config.LOG_LEVEL);
  await runProcess(async () => {
    const started = new ShutdownStack();
    const database = started.add(connectDatabase(config.DATABASE_URL), (d) => d.close());
    const { ended } = await hostEffects({ config, database, effects: [effect], log, started });
    return { stop: () => started.stop(), ended };
  }, config.KNOCKON_SHUTDOWN);
  process.exit();
}
