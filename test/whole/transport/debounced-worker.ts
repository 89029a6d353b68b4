// A worker whose effect is debounced, and kills it when it is called, where it is told to.
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { startEffects } from '../../../src/workers/effects.ts';
import { runProcess } from '../../../src/workers/process/process.ts';

const debounced = defineEffect({
  name: 'debounced',
  description: 'Dies of its call.',
  on: ['message.created'],
  debounce: { by: 'key', wait: '3s', most: '5m' },
  async transact() {
    if (process.env.TEST_DIES !== 'called') return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});
  },
});

const config = readConfig();
await runProcess(() => startEffects(config, { effects: [debounced] }), config.KNOCKON_SHUTDOWN);
process.exit();
