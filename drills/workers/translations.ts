// An effect of somebody's own, in order per channel, which one message is too much for.
import { defineEffect } from '../../src/activities/runtime/effect.ts';
import { POISON, TRANSLATIONS } from '../parts/poison.ts';
import { host } from './host.ts';

await host(
  defineEffect({
    name: TRANSLATIONS,
    description: 'Translates messages. Made up, for a drill.',
    on: ['message.created'],
    ordering: 'key',
    onPoison: 'block',
    retry: { attempts: 2, initial: '200ms' },
    async transact(_tx, events) {
      if (events.some(({ payload }) => String(payload.text).includes(POISON)))
        throw new RangeError('the dictionary has no such language');
    },
  }),
);
