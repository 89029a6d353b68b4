import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { inexactNumbers, whyInexact } from '../../../messages/inexact-numbers.ts';
import { idempotencyOf } from '../../middleware/idempotency.ts';
import { type FieldError, invalid, Problem } from '../../problem.ts';
import type { Env } from '../../router.ts';
import { readAs } from '../../validation.ts';
import { CLOUD_EVENT, CLOUD_EVENTS, isBinary, isOfData, mediaTypeOf } from './cloud-event.ts';
import { cloudCandidate, readJson, type SentCandidate } from './one-event.ts';

/** Most events of a batch. */
export const MOST_EVENTS = 500;

const entries = z
  .array(z.unknown())
  .refine((events) => events.length >= 1 && events.length <= MOST_EVENTS, {
    message: `must have 1 to ${MOST_EVENTS} events`,
  });

const batch = z.strictObject({ events: entries });

/** A batch as it was sent. */
export interface SentBatch {
  /** Each event, or why it is none. */
  candidates: (SentCandidate | Problem)[];
  /** The Idempotency-Key of the request as a whole; CloudEvents have their own. */
  idempotency: { key: string; requestHash: Buffer } | undefined;
}

/** @throws Problem 400, 415, 422 where it is no batch at all */
export async function readMany(c: Context<Env>): Promise<SentBatch> {
  const { headers } = c.req.raw;
  const mediaType = mediaTypeOf(headers);
  const isCloud = mediaType === CLOUD_EVENTS;
  if (mediaType === CLOUD_EVENT || (!isCloud && isBinary(headers)))
    throw new Problem(
      415,
      `Send one CloudEvent to POST /v1/events, and several as ${CLOUD_EVENTS}.`,
    );
  const body = await readJson(c);
  const events = isCloud ? readAs(entries, body) : readAs(batch, body).events;
  const idempotency = isCloud ? undefined : idempotencyOf(c, body);
  const inexact = inexactByEvent(await c.req.text(), isCloud);
  const candidates = events.map((value, place) => {
    const errors = inexact.get(String(place));
    if (errors) return invalid(errors);
    if (!isCloud) return { value, idempotency: idempotency && partOf(idempotency, place) };
    return asCandidate(value);
  });
  return { candidates, idempotency };
}

function asCandidate(attributes: unknown): SentCandidate | Problem {
  try {
    return cloudCandidate(attributes);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/**
 * What one event of a batch is kept under. The first has the batch's own key, so that a request for
 * one event finds it. No header can be such a key as the others have.
 */
export const partOf = (whole: { key: string; requestHash: Buffer }, place: number) => ({
  ...whole,
  key: place === 0 ? whole.key : `${whole.key}\n${place}`,
});

function inexactByEvent(text: string, isCloud: boolean): Map<string, FieldError[]> {
  const found = new Map<string, FieldError[]>();
  for (const number of inexactNumbers(text, Number.POSITIVE_INFINITY)) {
    // Our own batch has its events below a key.
    const [place = '', ...rest] = number.path.split('.').slice(isCloud ? 0 : 1);
    const path = rest.join('.');
    if (isCloud && !isOfData(path)) continue;
    const errors = found.get(place) ?? [];
    errors.push({ path, message: whyInexact(number) });
    found.set(place, errors);
  }
  return found;
}
