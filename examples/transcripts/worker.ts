// Hosts the effect in a process of its own. Nothing else is redeployed: it registers itself, and
// gets every event from then on.
import { readFileSync } from 'node:fs';
import { connect, runEffects } from '../../src/index.ts';
import { transcripts } from './effect.ts';

const env = process.env.DATABASE_URL ? process.env : besideNpmStart();
const database = await connect({ url: env.DATABASE_URL, name: 'transcripts' });
await database.pg.unsafe(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'));
const running = await runEffects({ effects: [transcripts], database, env });
process.send?.({ ready: true });
await running.ended;
process.exit();

/** `npm start` writes down where everything is. */
function besideNpmStart(): NodeJS.ProcessEnv {
  const up = JSON.parse(readFileSync(`${process.env.KNOCKON_HOME ?? '.knockon'}/up.json`, 'utf8'));
  const transport = up.temporal_address
    ? { TEMPORAL_ADDRESS: up.temporal_address }
    : { KNOCKON_TRANSPORT: 'pg-boss' };
  return { ...process.env, ...transport, DATABASE_URL: up.database_url };
}
