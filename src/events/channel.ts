import { z } from 'zod';
import { defineEvent } from './catalogue.ts';

export const channelCreated = defineEvent('channel.created', {
  payload: z.object({ name: z.string() }).describe('A channel was made. Its log begins here.'),
});
