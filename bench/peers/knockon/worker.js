// Knock-on with six effects, each the same small insert as the peers', hosted as one's own effects
// are (see examples/transcripts). ORDERING: `key` or `none`. From the build, so that no
// loader's time is counted.
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { defineEffect } from '../../../dist/activities/runtime/effect.js';
import { connectDatabase } from '../../../dist/db/client.js';
import { defineEvent } from '../../../dist/events/catalogue.js';
import { readConfig } from '../../../dist/settings/config.js';
import { hostEffects } from '../../../dist/workers/host-effects.js';
import { createLog, runProcess, ShutdownStack } from '../../../dist/workers/process/process.js';

const type = process.env.EVENT_TYPE ?? 'message.created';
if (type !== 'message.created')
  defineEvent(type, { payload: z.object({ author: z.string(), text: z.string() }) });

const names = ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'];

const effect = (name) =>
  defineEffect({
    name,
    description: 'A row an event.',
    on: [type],
    ordering: process.env.ORDERING,
    async transact(tx, events) {
      const ids = sql.param(events.map((event) => event.message_id ?? event.id));
      await tx.execute(
        sql`insert into effect_log (effect, message_id) select ${name}, unnest(${ids}::uuid[])`,
      );
    },
  });

const config = readConfig();
await runProcess(async () => {
  const log = createLog('effects', config.LOG_LEVEL);
  const started = new ShutdownStack();
  const connections = Math.min(2 * config.KNOCKON_CONCURRENCY, 16);
  const database = started.add(
    connectDatabase(config.DATABASE_URL, { connections, name: 'knockon bench' }),
    (d) => d.close(),
  );
  await database.pg`
    create table if not exists effect_log (
      message_id uuid not null, effect text not null, at timestamptz not null default now(), primary key (message_id, effect)
    )`;
  const { ended } = await hostEffects({
    config,
    database,
    effects: names.map(effect),
    log,
    started,
  });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();
