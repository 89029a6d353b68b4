import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { canonicalJson } from '../../../canonical-json.ts';
import { withoutNulls } from '../../../without-nulls.ts';
import { idempotencyOf } from '../../middleware/idempotency.ts';
import { Problem } from '../../problem.ts';
import type { Env } from '../../router.ts';
import { readAs } from '../../validation.ts';
import type { Candidate } from './check-event.ts';
import {
  CLOUD_EVENT,
  CLOUD_EVENTS,
  cloudEvent,
  fromHeaders,
  isBinary,
  mapCloudEvent,
  mediaTypeOf,
} from './cloud-event.ts';

/** An event as it was sent, with what it must not be stored twice under. */
export interface SentCandidate extends Candidate {
  idempotency: { key: string; requestHash: Buffer } | undefined;
}

/** The body as JSON. @throws Problem 400 where it is none */
export async function readJson(c: Context): Promise<unknown> {
  try {
    return JSON.parse(await c.req.text());
  } catch {
    throw new Problem(400, 'The body is not JSON.');
  }
}

/** @throws Problem 400, 415, 422 */
export async function readOne(c: Context<Env>): Promise<SentCandidate> {
  const { headers } = c.req.raw;
  const mediaType = mediaTypeOf(headers);
  if (mediaType === CLOUD_EVENTS)
    throw new Problem(415, 'Send a batch of CloudEvents to POST /v1/events/batch.');
  const body = await readJson(c);
  if (mediaType === CLOUD_EVENT) return cloudCandidate(body);
  if (isBinary(headers)) return cloudCandidate(fromHeaders(headers, body));
  return { value: body, idempotency: idempotencyOf(c, body) };
}

/**
 * A CloudEvent as a candidate. Its `source` and `id` are its idempotency key, by whichever route it
 * comes and whatever the header says.
 *
 * @throws Problem 422
 */
export function cloudCandidate(attributes: unknown): SentCandidate {
  const mapped = mapCloudEvent(readAs(cloudEvent, withoutNulls(attributes)));
  const { value, names, idempotencyKey: key } = mapped;
  const requestHash = createHash('sha256').update(canonicalJson(value)).digest();
  return { value, names, idempotency: { key, requestHash } };
}
