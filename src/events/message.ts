import { z } from 'zod';
import { defineEvent } from './catalogue.ts';

const body = z.object({
  seq: z.number().int().describe("the message's place in its channel"),
  author: z.string(),
  sent_at: z.string(),
});
const text = { text: z.string(), metadata: z.record(z.string(), z.unknown()) };

export const messageCreated = defineEvent('message.created', { payload: body.extend(text) });
export const messageUpdated = defineEvent('message.updated', { payload: body.extend(text) });
/** Carries who and when, so that what was counted can be uncounted, and no text. */
export const messageDeleted = defineEvent('message.deleted', { payload: body });
