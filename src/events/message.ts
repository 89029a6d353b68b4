import { z } from 'zod';
import { defineEvent } from './catalogue.ts';

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
