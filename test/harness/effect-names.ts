import { createEffects } from '../../src/activities/index.ts';
import type { Database } from '../../src/db/client.ts';
import { SCHEMA_SUBSCRIBER } from '../../src/outbox/subscribers.ts';
import { readConfig } from '../../src/settings/config.ts';
import { effectSettings } from '../../src/workers/effect-settings.ts';

const config = readConfig({
  DATABASE_URL: 'postgres://localhost/none',
  KNOCKON_SECRET: 'a secret of thirty-two characters',
});

const { effects, close } = await createEffects(effectSettings(config), {} as Database);
await close();

/**
 * The effects that this version has, in the order of their names. Whatever counts them counts
 * these.
 */
export const effectNames = effects.map(({ name }) => name).sort();

/** What a process that hosts them registers. */
export const subscriberNames = [...effectNames, SCHEMA_SUBSCRIBER].sort();

/** Those that want events of a type. */
export const effectsOf = (type: string): string[] => {
  const wanting = effects.filter(({ on }) => on.includes('*') || on.includes(type));
  return wanting.map(({ name }) => name).sort();
};
