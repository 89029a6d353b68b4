import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import { recordAttempt, type Try } from './deliveries.ts';
import type { Attempt, Send } from './send.ts';
import { judge, type Verdict } from './verdict.ts';

interface Delivery extends Pick<Try, 'circuit' | 'isProbe' | 'isTest'> {
  id: string;
  event: DomainEvent;
  /** Secrets are sealed; `previous_secret` only while it signs too. */
  endpoint: { id: string; url: string; secret: string; previous_secret?: string | null };
}

/** Makes one try and logs it. `probeInMs`: its endpoint is failing, and tried again in so many ms; else null. */
export async function deliver(
  { db, seal, send, signal }: { db: Database['db']; seal: Seal; send: Send; signal?: AbortSignal },
  { id, event, endpoint, ...bearing }: Delivery,
): Promise<{ attempt: Attempt; verdict: Verdict; probeInMs: number | null }> {
  const secret = unseal(seal, endpoint.secret);
  const previous = endpoint.previous_secret ? [unseal(seal, endpoint.previous_secret)].filter((one) => one !== null) : [];
  const attempt = secret === null ? sealed : await send({ url: endpoint.url, secrets: [secret, ...previous], event }, signal);
  const verdict = judge(attempt, endpoint.url, event.type);
  const probeInMs = await recordAttempt(db, { deliveryId: id, endpointId: endpoint.id, attempt, verdict, ...bearing });
  return { attempt, verdict, probeInMs };
}

function unseal(seal: Seal, secret: string): string | null {
  try {
    return seal.open(secret);
  } catch {
    return null;
  }
}

/** Worth another try: it is the worker's KNOCKON_SECRET that is wrong, and that can be mended. */
const sealed: Attempt = {
  status: null,
  latencyMs: 0,
  failure: { cause: 'secret unreadable', detail: "the endpoint's secret was sealed under another KNOCKON_SECRET", ours: true },
  excerpt: null,
  retryAfter: null,
};
