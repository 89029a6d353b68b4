import { createHmac, timingSafeEqual } from 'node:crypto';

/** Thrown where a webhook must not be believed. Answer it with 400, and use nothing of it. */
export class WebhookVerificationError extends Error {
  override name = 'WebhookVerificationError';
}

/** Headers as Node's `request.headers`, a `Headers`, or a plain object has them. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

export interface WebhookToVerify {
  /** The endpoint's secret `whsec_…`; several while one replaces another. */
  secret: string | string[];
  headers: WebhookHeaders;
  /** The body as it arrived, byte by byte: JSON that was parsed and written anew does not fit. */
  body: string | Uint8Array;
  /** How far the sender's clock may differ, in seconds (default 300). */
  toleranceSeconds?: number | undefined;
  /** What time it is (default: this machine's clock). */
  now?: Date | undefined;
}

/**
 * What a verified webhook says. Remember `id`: a webhook may come more than once, and the id stays
 * the same.
 */
export interface VerifiedWebhook<Event> {
  id: string;
  sentAt: Date;
  event: Event;
}

/** The event in a webhook's body. */
export interface WebhookEvent {
  id: string;
  type: string;
  version: number;
  workspace_id: string;
  channel_id: string | null;
  message_id: string | null;
  /** Place among the events of its channel or key, from 0 without gaps; null without one. */
  seq: number | null;
  /** RFC 3339, UTC. */
  timestamp: string;
  payload: Record<string, unknown>;
}

/**
 * Checks a webhook's signature by Standard Webhooks, in constant time, and its age.
 *
 * @throws WebhookVerificationError if a header is missing, the time is too far away, no signature
 * fits, or the body is not JSON
 * @throws TypeError if a secret is not `whsec_` and base64 of 24 bytes or more, the body is not as
 * it arrived, or `toleranceSeconds` or `now` is none
 */
export function verifyWebhook<Event = WebhookEvent>(
  webhook: WebhookToVerify,
): VerifiedWebhook<Event> {
  const { body, toleranceSeconds = 300, now = new Date() } = webhook;
  refuse(body, toleranceSeconds, now);
  const keys = [webhook.secret].flat().map(keyOf);
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    headerOf(webhook.headers, `webhook-${name}`),
  ) as [string, string, string];
  const sentAt = timeOf(timestamp);
  if (!(Math.abs(now.getTime() - sentAt.getTime()) <= toleranceSeconds * 1000))
    throw new WebhookVerificationError(
      `webhook-timestamp is more than ${toleranceSeconds} s away from this clock`,
    );
  const expected = keys.map((key) =>
    createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest(),
  );
  const given = signatures.split(' ').flatMap(signatureOf);
  // Every pair is compared, so that the time tells nothing.
  const fits = expected.flatMap((one) => given.map((other) => isEqual(one, other)));
  if (!fits.includes(true)) throw new WebhookVerificationError('no signature of the webhook fits');
  return { id, sentAt, event: parse(body) as Event };
}

/** What JavaScript may give would turn the check of the age off. @throws TypeError */
function refuse(body: unknown, toleranceSeconds: unknown, now: unknown): void {
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError(
      '`body` must be the text or the bytes as they arrived, before anything parses them',
    );
  if (!Number.isFinite(toleranceSeconds) || (toleranceSeconds as number) < 0)
    throw new TypeError('`toleranceSeconds` must be a number from 0');
  if (!(now instanceof Date) || Number.isNaN(now.getTime()))
    throw new TypeError('`now` must be a valid Date');
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function keyOf(secret: unknown): Buffer {
  const base64 = typeof secret === 'string' ? secret.replace(/^whsec_/, '') : '';
  const key = Buffer.from(base64, 'base64');
  if (BASE64.test(base64) && key.length >= 24) return key;
  throw new TypeError('a webhook secret must be "whsec_" and base64 of 24 bytes or more');
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1];
  const [text] = [value].flat();
  if (text) return text;
  throw new WebhookVerificationError(`the header ${name} is missing`);
}

function timeOf(timestamp: string): Date {
  if (/^\d{1,11}$/.test(timestamp)) return new Date(Number(timestamp) * 1000);
  throw new WebhookVerificationError('webhook-timestamp is not a number of seconds');
}

/** Signatures of other versions are for other keys. */
const signatureOf = (signature: string): Buffer[] =>
  signature.startsWith('v1,') ? [Buffer.from(signature.slice(3), 'base64')] : [];

const isEqual = (a: Buffer, b: Buffer) => a.length === b.length && timingSafeEqual(a, b);

function parse(body: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
  } catch {
    throw new WebhookVerificationError('the body is not JSON');
  }
}
