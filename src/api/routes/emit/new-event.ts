import { z } from '@hono/zod-openapi';
import { deliverAt, flawIn, text, unlessNull, uuid } from '../../fields.ts';

/** Deepest nesting of a payload: that of a body, less what is around it. */
const DEEPEST = 98;

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
const control = /[\u0000-\u001f\u007f-\u009f]/;

/** What events are in order by: 1 to 200 characters on one line. */
export const eventKey = text(1, 200)
  .refine((value) => !control.test(value), { message: 'holds control characters' })
  .openapi({
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description:
      'What it is in order with: events of one key get a `seq` without gaps. In a channel leave ' +
      'it out.',
    example: 'invoice-42',
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const payload = z
  .custom<Record<string, unknown>>(isObject, {
    error: ({ input }) => (input === undefined ? 'is missing' : 'must be a JSON object'),
  })
  .superRefine((value, context) => {
    const flaw = flawIn(value, DEEPEST);
    const path = flaw?.path ? flaw.path.split('.') : [];
    if (flaw) context.addIssue({ code: 'custom', path, message: flaw.message });
  })
  .openapi({
    type: 'object',
    additionalProperties: true,
    description: 'What the schema of its type says; handed on as it came.',
    example: { amount: 4200, currency: 'EUR' },
  });

/** An event as it is sent. */
export const newEvent = z
  .strictObject({
    type: z.string().openapi({
      description: 'A declared event type; GET /v1/event_types lists them.',
      example: 'invoice.paid',
    }),
    payload,
    key: unlessNull(eventKey),
    channel_id: unlessNull(uuid.openapi({ description: 'The channel that it happened in.' })),
    message_id: unlessNull(uuid.openapi({ description: 'The message that it is about.' })),
    deliver_at: unlessNull(deliverAt),
  })
  .refine(({ key, channel_id }) => key === undefined || channel_id === undefined, {
    path: ['key'],
    message: 'must be left out where there is a channel_id: the channel is the key',
  })
  .openapi('NewEvent');

export type NewEvent = z.output<typeof newEvent>;
