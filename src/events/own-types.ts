// The event types that Knock-on itself emits.
import { z } from 'zod';
import { defineEvent } from './catalogue.ts';

export const channelCreated = defineEvent('channel.created', {
  payload: z.object({ name: z.string() }).describe('A channel was made. Its log begins here.'),
});

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

const body = z.object({
  seq: z.number().int().describe("the message's place in its channel"),
  author: z.string().describe('the handle of the author'),
  sent_at: z.string().describe('RFC 3339, UTC'),
});
const text = { text: z.string(), metadata: z.record(z.string(), z.unknown()) };

export const messageCreated = defineEvent('message.created', {
  payload: body.extend(text).describe('A message was posted.'),
});
export const messageUpdated = defineEvent('message.updated', {
  payload: body.extend(text).describe('A message was edited. The payload has the new text.'),
});
export const messageDeleted = defineEvent('message.deleted', {
  payload: body.describe(
    'A message was deleted. The payload has author and time, so that counts can go down, and no ' +
      'text.',
  ),
});
