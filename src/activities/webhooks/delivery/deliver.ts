import type { Database } from '../../../db/client.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { Seal } from '../../../seal.ts';
import { classifyResponse, type ResponseClass } from '../../runtime/http/classify-response.ts';
import { type HttpAttempt, withoutResponse } from '../../runtime/http/http-attempt.ts';
import type { Send } from '../../runtime/http/send.ts';
import type { EndpointHealth } from '../limits/endpoint-health.ts';
import { type DeliveryAttempt, recordAttempt } from './record-attempt.ts';

interface Delivery extends Pick<DeliveryAttempt, 'circuit' | 'isProbe' | 'isTest'> {
  id: string;
  event: DomainEvent;
  /** Secrets are sealed. `previous_secret` is set only while it signs too. */
  endpoint: { id: string; url: string; secret: string; previous_secret?: string | null };
}

interface DeliverDependencies {
  db: Database['db'];
  seal: Seal;
  send: Send;
  signal?: AbortSignal;
  /** Shared by all calls of the process. */
  unrecorded?: UnrecordedAttempts;
}

/**
 * Makes one attempt and records it. If an earlier attempt was made but not recorded, records that
 * one instead of sending again.
 *
 * @throws Postgres' error if the attempt can't be recorded
 */
export async function deliver(
  { db, seal, send, signal, unrecorded }: DeliverDependencies,
  { id, event, endpoint, ...options }: Delivery,
): Promise<{ attempt: HttpAttempt; responseClass: ResponseClass; health: EndpointHealth }> {
  const attempt = unrecorded?.get(id) ?? (await sendTo(endpoint, event, { seal, send, signal }));
  const responseClass = classifyResponse(attempt, endpoint.url, event.type);
  unrecorded?.keep(id, attempt);
  const health = await recordAttempt(db, {
    deliveryId: id,
    endpointId: endpoint.id,
    url: endpoint.url,
    attempt,
    responseClass,
    ...options,
  });
  unrecorded?.forget(id);
  return { attempt, responseClass, health };
}

async function sendTo(
  { url, secret, previous_secret }: Delivery['endpoint'],
  event: DomainEvent,
  { seal, send, signal }: Pick<DeliverDependencies, 'seal' | 'send' | 'signal'>,
): Promise<HttpAttempt> {
  const current = unseal(seal, secret);
  if (current === null) return unreadableSecret;
  const previous = previous_secret ? unseal(seal, previous_secret) : null;
  const secrets = previous === null ? [current] : [current, previous];
  return await send({ url, secrets, id: event.id, body: JSON.stringify(event) }, signal);
}

function unseal(seal: Seal, secret: string): string | null {
  try {
    return seal.open(secret);
  } catch {
    return null;
  }
}

/** Retried: the worker's KNOCKON_SECRET is wrong, and that can be mended. */
const unreadableSecret = withoutResponse(0, {
  cause: 'secret unreadable',
  detail: "the endpoint's secret was sealed under another KNOCKON_SECRET",
  ours: true,
});

/** Attempts that are kept, and for how long, in ms. The database is back within minutes. */
const MOST = 10_000;
const KEPT_MS = 30 * 60_000;

/**
 * Attempts that were made while the database could not record them. Temporal repeats the call. As
 * long as that is in the same process, the request is not repeated.
 */
export class UnrecordedAttempts {
  readonly #kept = new Map<string, { attempt: HttpAttempt; until: number }>();

  get(deliveryId: string): HttpAttempt | undefined {
    const kept = this.#kept.get(deliveryId);
    return kept && kept.until > performance.now() ? kept.attempt : undefined;
  }

  keep(deliveryId: string, attempt: HttpAttempt): void {
    // Without an answer it may as well be sent again.
    if (attempt.status === null) return;
    this.#kept.delete(deliveryId);
    this.#kept.set(deliveryId, { attempt, until: performance.now() + KEPT_MS });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest);
  }

  forget(deliveryId: string): void {
    this.#kept.delete(deliveryId);
  }
}
