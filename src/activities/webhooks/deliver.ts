import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import { classifyResponse, type ResponseClass } from './classify-response.ts';
import { type EndpointHealth, recordAttempt, type Try } from './deliveries.ts';
import type { HttpAttempt, Send } from './send.ts';
import type { Unrecorded } from './unrecorded.ts';

interface Delivery extends Pick<Try, 'circuit' | 'isProbe' | 'isTest'> {
  id: string;
  event: DomainEvent;
  /** Secrets are sealed; `previous_secret` only while it signs too. */
  endpoint: { id: string; url: string; secret: string; previous_secret?: string | null };
}

/** What it takes to deliver. */
interface Delivering {
  db: Database['db'];
  seal: Seal;
  send: Send;
  signal?: AbortSignal;
  /** Of this process. */
  unrecorded?: Unrecorded;
}

/**
 * Makes one try and logs it. One that was made and could not be logged is logged instead of being
 * made once more.
 */
export async function deliver(
  { db, seal, send, signal, unrecorded }: Delivering,
  { id, event, endpoint, ...bearing }: Delivery,
): Promise<{ attempt: HttpAttempt; verdict: ResponseClass; standing: EndpointHealth }> {
  const made = unrecorded?.of(id) ?? (await attemptTo(seal, send, { event, endpoint }, signal));
  const verdict = classifyResponse(made, endpoint.url, event.type);
  unrecorded?.keep(id, made);
  const standing = await recordAttempt(db, {
    deliveryId: id,
    endpointId: endpoint.id,
    url: endpoint.url,
    attempt: made,
    verdict,
    ...bearing,
  });
  unrecorded?.forget(id);
  return { attempt: made, verdict, standing };
}

async function attemptTo(
  seal: Seal,
  send: Send,
  { event, endpoint }: Pick<Delivery, 'event' | 'endpoint'>,
  signal?: AbortSignal,
) {
  const secret = unseal(seal, endpoint.secret);
  const previous = endpoint.previous_secret
    ? [unseal(seal, endpoint.previous_secret)].filter((one) => one !== null)
    : [];
  return secret === null
    ? sealed
    : await send({ url: endpoint.url, secrets: [secret, ...previous], event }, signal);
}

function unseal(seal: Seal, secret: string): string | null {
  try {
    return seal.open(secret);
  } catch {
    return null;
  }
}

/** Worth another try: it is the worker's KNOCKON_SECRET that is wrong, and that can be mended. */
const sealed: HttpAttempt = {
  status: null,
  latencyMs: 0,
  failure: {
    cause: 'secret unreadable',
    detail: "the endpoint's secret was sealed under another KNOCKON_SECRET",
    ours: true,
  },
  excerpt: null,
  retryAfter: null,
};
