import { z } from '@hono/zod-openapi';
import type { ApiDependencies } from '../dependencies.ts';
import { author, deliverAt, metadata, moment, text, unlessNull, uuid } from '../fields.ts';
import {
  idempotencyOf,
  keyInFlight,
  keyMismatch,
  markReplayed,
} from '../middleware/idempotency.ts';
import { conflict, notFound } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';

const newMessage = z
  .strictObject({
    author: author.openapi({ example: 'ada' }),
    text: text(1, 40_000).openapi({ example: 'The deploy is through, @grace' }),
    metadata: metadata.optional(),
    sent_at: moment.optional().openapi({
      type: 'string',
      description: 'When it was sent, where that was earlier. Default: now.',
    }),
    notify: z
      .boolean()
      .optional()
      .openapi({
        description:
          'Whether it notifies and mails whom it mentions. Default: unless `sent_at` is longer ago ' +
          'than KNOCKON_NOTIFY_AGE.',
      }),
    deliver_at: unlessNull(
      deliverAt.openapi({
        description:
          'When its event is dispatched, up to 366 days ahead. Default, and where that ' +
          'is past: now. The message can be read at once.',
      }),
    ),
  })
  .openapi('NewMessage');

const post = declareRoute('POST /v1/channels/{id}/messages', 'postMessage', {
  takesTurns: false,
  tags: ['Messages'],
  summary: 'Post a message',
  description:
    'Stores the message and its `message.created` and answers; whatever follows from it ' +
    'happens afterwards.',
  creates: true,
  request: { params: z.object({ id: uuid }), body: body(newMessage) },
  responses: {
    201: json(messageSchema.extend({ event_id: uuid }).openapi('PostedMessage'), 'The message.'),
  },
});

/**
 * The hot path: check, store, answer. The writer joins what arrives at once; Temporal hears of it
 * after the answer.
 */
export const postMessageRoute = ({ writer }: ApiDependencies) =>
  router().openapi(post, async (c) => {
    const given = c.req.valid('json');
    const posted = await writer.post({
      workspaceId: c.get('workspaceId'),
      channelId: c.req.valid('param').id,
      author: given.author,
      text: given.text,
      metadata: given.metadata ?? {},
      sentAt: given.sent_at,
      notify: given.notify,
      deliverAt: given.deliver_at,
      idempotency: idempotencyOf(c, given),
    });
    switch (posted.state) {
      case 'no_channel':
        throw notFound('channel');
      case 'key_mismatch':
        throw keyMismatch();
      case 'key_in_flight':
        throw keyInFlight();
      case 'answer_gone':
        throw conflict(
          'The message of this Idempotency-Key was stored, but its first answer has been deleted ' +
            'since; take a new key.',
        );
      case 'replayed':
        markReplayed(c);
    }
    return c.json(posted.message, 201);
  });
