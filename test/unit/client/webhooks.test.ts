import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signatureHeaders } from '../../../src/activities/runtime/http/sign.ts';
import { verifyWebhook, WebhookVerificationError } from '../../../src/client/index.ts';

const secretOf = () => `whsec_${randomBytes(32).toString('base64')}`;
const secret = secretOf();
const now = new Date('2026-11-29T12:00:00Z');
const body = '{"id":"e1","type":"invoice.paid","payload":{"text":"é 🎉"}}';
const headers = signatureHeaders([secret], 'e1', now, body);
const webhook = { secret, headers, body, now };

describe('a webhook', () => {
  it('that the official library signed is believed, with its id, its time and its event', () => {
    const signature = new Webhook(secret).sign('e1', now, body);
    const signed = { ...headers, 'webhook-signature': signature };
    expect(verifyWebhook({ ...webhook, headers: signed })).toEqual({
      id: 'e1',
      sentAt: now,
      event: JSON.parse(body),
    });
  });

  it.each([
    ['as bytes', { body: new TextEncoder().encode(body) }],
    ['with a Headers object', { headers: new Headers(headers) }],
    ['with headers in capitals', { headers: { ...headers, 'Webhook-Id': headers['webhook-id'] } }],
    ['by a secret that replaces another', { secret: [secretOf(), secret] }],
    ['299 s old', { now: new Date(now.getTime() + 299_000) }],
  ])('is believed %s', (_, rest) => {
    expect(verifyWebhook({ ...webhook, ...rest }).id).toBe('e1');
  });

  it.each([
    ['another body', { body: `${body} ` }, 'no signature'],
    ['another secret', { secret: secretOf() }, 'no signature'],
    [
      'a body that was signed for another id',
      { headers: { ...headers, 'webhook-id': 'e2' } },
      'no',
    ],
    ['an age of 301 s', { now: new Date(now.getTime() + 301_000) }, '300 s away'],
    ['a time that is 301 s ahead', { now: new Date(now.getTime() - 301_000) }, '300 s away'],
    ['a time that is none', { headers: { ...headers, 'webhook-timestamp': 'NaN' } }, 'seconds'],
    ['no signature', { headers: { ...headers, 'webhook-signature': undefined } }, 'is missing'],
    ['an empty signature', { headers: { ...headers, 'webhook-signature': 'v1,' } }, 'no signature'],
    [
      'a signature of another version',
      {
        headers: {
          ...headers,
          'webhook-signature': headers['webhook-signature']!.replace('v1', 'v1a'),
        },
      },
      'no signature',
    ],
  ])('with %s is not believed', (_, rest, why) => {
    const verify = () => verifyWebhook({ ...webhook, ...rest });
    expect(verify).toThrow(WebhookVerificationError);
    expect(verify).toThrow(why);
  });

  it.each([
    ['`toleranceSeconds`', { toleranceSeconds: Number.NaN }],
    ['`toleranceSeconds`', { toleranceSeconds: 'five' }],
    ['`toleranceSeconds`', { toleranceSeconds: Number.POSITIVE_INFINITY }],
    ['`toleranceSeconds`', { toleranceSeconds: -1 }],
    ['`now`', { now: new Date('x') }],
    ['`now`', { now: now.getTime() }],
    ['`body`', { body: { id: 'e1' } }],
    ['`body`', { body: undefined }],
    ['a webhook secret', { secret: undefined }],
  ])('is not verified where %s is none', (what, wrong) => {
    const old = signatureHeaders([secret], 'e1', new Date(now.getTime() - 86_400_000), '{}');
    const verify = () =>
      verifyWebhook({ ...webhook, headers: old, body: '{}', ...(wrong as object) });
    expect(verify).toThrow(TypeError);
    expect(verify).toThrow(what);
  });

  it('whose body is no JSON is told from one that is forged', () => {
    const text = signatureHeaders([secret], 'e1', now, 'hello');
    expect(() => verifyWebhook({ ...webhook, headers: text, body: 'hello' })).toThrow('not JSON');
  });

  it.each(['', 'whsec_', 'whsec_abc', 'whsec_AAAA', 'not base64!'])(
    'is verified by no secret like %j',
    (bad) => {
      expect(() => verifyWebhook({ ...webhook, secret: bad })).toThrow(TypeError);
    },
  );

  it('is signed over id, time and body', () => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signed = createHmac('sha256', key).update(`e1.${now.getTime() / 1000}.${body}`);
    expect(headers['webhook-signature']).toBe(`v1,${signed.digest('base64')}`);
  });
});
