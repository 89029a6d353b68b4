// Hosts the effect in a process of its own. Nothing else is redeployed: it registers itself, and
// gets every event from then on.
import { readFileSync } from 'node:fs';
import { connectDatabase } from '../../src/db/client.ts';
import { readConfig } from '../../src/settings/config.ts';
import { hostEffects } from '../../src/workers/effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../src/workers/process/process.ts';
import { transcripts } from './effect.ts';

const config = readConfig(process.env.DATABASE_URL ? process.env : besideNpmStart());
const log = createLog('transcripts', config.LOG_LEVEL);

await runProcess(async () => {
  const started = new ShutdownStack();
  const database = started.add(
    connectDatabase(config.DATABASE_URL, {
      name: 'transcripts',
      directUrl: config.KNOCKON_DATABASE_DIRECT_URL,
    }),
    (d) => d.close(),
  );
  await database.pg.unsafe(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'));
  const { ended } = await hostEffects({ config, database, effects: [transcripts], log, started });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();

/**
 * `npm start` writes down where everything is. This effect seals nothing, so any secret will do.
 */
function besideNpmStart(): NodeJS.ProcessEnv {
  const up = JSON.parse(readFileSync(`${process.env.KNOCKON_HOME ?? '.knockon'}/up.json`, 'utf8'));
  const transport = up.temporal_address
    ? { TEMPORAL_ADDRESS: up.temporal_address }
    : { KNOCKON_TRANSPORT: 'pg-boss' };
  return {
    ...process.env,
    ...transport,
    DATABASE_URL: up.database_url,
    KNOCKON_SECRET: 'x'.repeat(32),
  };
}
