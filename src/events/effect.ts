import { z } from 'zod';
import { defineEvent } from './catalogue.ts';

export const effectDiscarded = defineEvent('effect.discarded', {
  payload: z
    .object({
      event_id: z.uuid().describe('the event whose effect was given up'),
      subscriber: z.string(),
      cause: z.string().describe('what the dead letter said'),
      by: z.string().describe("the operator's name"),
      reason: z.string(),
    })
    .describe('An operator discarded an effect. The audit chain keeps who did it, and why.'),
});
