import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, EventNameError, eventTypes } from '../../../src/events/index.ts';
import { workflowName } from '../../../src/transport/dispatch.ts';

const payload = z.object({});

describe('the event catalogue', () => {
  it('declares what a messaging product emits', () => {
    expect(eventTypes()).toEqual(
      expect.arrayContaining([
        'message.created',
        'message.updated',
        'message.deleted',
        'channel.created',
      ]),
    );
  });

  it.each([
    'invoice.paid',
    'digest.due',
    'email.sent',
    'reading_list.marked_read',
    'user2.signed_up_and_verified',
  ])('accepts a fact: %s', (name) => {
    expect(defineEvent(name, { payload }).name).toBe(name);
  });

  it.each([
    ['send_webhook_to_agent', 'reads as a command'],
    ['message.create', 'not a past participle'],
    ['webhook.send', 'not a past participle'],
    ['message.created.now', '<aggregate>.<past participle>'],
    ['Message.Created', '<aggregate>.<past participle>'],
    ['message.', '<aggregate>.<past participle>'],
    ['.created', '<aggregate>.<past participle>'],
    ['', 'refused'],
    ['message created', 'refused'],
  ])('refuses %j and says why', (name, why) => {
    expect(() => defineEvent(name, { payload })).toThrow(EventNameError);
    expect(() => defineEvent(name, { payload })).toThrow(why);
  });

  it('refuses a second declaration of one type', () => {
    expect(() => defineEvent('message.created', { payload })).toThrow('declared twice');
  });

  it.each([0, -1, 1.5, 40_000])('refuses version %d', (version) => {
    expect(() => defineEvent('thing.versioned', { version, payload })).toThrow('whole number');
  });

  it.each<[string, unknown, unknown]>([
    ['its options must be an object', 'card.paid', undefined],
    ['the name of an event must be a string, not 5', 5, { payload }],
    ['`examples` must be an array, not an object', 'card.paid', { payload, examples: {} }],
    ['`description` must be a string', 'card.paid', { payload, description: 5 }],
    ['`upcast` must be a function', 'card.paid', { payload, upcast: 'x' }],
    ['type must be "object"', 'card.paid', { payload: z.string() }],
    ['type must be "object"', 'card.paid', { payload: z.array(z.string()) }],
  ])('refuses what JavaScript may declare, and declares nothing: %s', (why, name, options) => {
    expect(() => defineEvent(name as never, options as never)).toThrow(why);
    expect(eventTypes()).not.toContain('card.paid');
  });

  it('names the workflow after the type', () => {
    expect(workflowName('message.created')).toBe('onMessageCreated');
    expect(workflowName('reading_list.marked_read')).toBe('onReadingListMarkedRead');
  });
});
