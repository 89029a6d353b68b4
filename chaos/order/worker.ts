// A worker of somebody else's, with one effect that is ordered by key.

import { connectDatabase } from '../../src/db/client.ts';
import { readConfig } from '../../src/settings/config.ts';
import { hostEffects } from '../../src/workers/host-effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../src/workers/process/process.ts';
import { sightings } from './effect.ts';

const config = readConfig();
const log = createLog('order worker', config.LOG_LEVEL);

await runProcess(async () => {
  const started = new ShutdownStack();
  const database = started.add(connectDatabase(config.DATABASE_URL), (d) => d.close());
  const { ended } = await hostEffects({ config, database, effects: [sightings], log, started });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();
