import { z } from '@hono/zod-openapi';
import { timestamp, uuid } from '../fields.ts';

/** A message, as every answer shows it. */
export const messageSchema = z
  .object({
    id: uuid,
    channel_id: uuid,
    seq: z
      .int()
      .openapi({ description: "The message's place in its channel, from 1 without gaps." }),
    author: z.string(),
    text: z.string(),
    metadata: z.record(z.string(), z.unknown()),
    sent_at: timestamp,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('Message');
