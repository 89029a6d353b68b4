import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import { recordAttempt } from './deliveries.ts';
import type { Attempt, Send } from './send.ts';
import { judge, type Verdict } from './verdict.ts';

interface Delivery {
  id: string;
  event: DomainEvent;
  endpoint: { url: string; secret: string };
  /** There is no other try after this one. */
  last?: boolean;
}

/** Makes one try and logs it. */
export async function deliver(
  { db, seal, send, signal }: { db: Database['db']; seal: Seal; send: Send; signal?: AbortSignal },
  { id, event, endpoint, last }: Delivery,
): Promise<{ attempt: Attempt; verdict: Verdict }> {
  const secret = unseal(seal, endpoint.secret);
  const attempt = secret === null ? sealed : await send({ url: endpoint.url, secrets: [secret], event }, signal);
  const verdict = judge(attempt, endpoint.url, event.type);
  await recordAttempt(db, id, attempt, last && verdict.state === 'retry' ? { ...verdict, state: 'dead' } : verdict);
  return { attempt, verdict };
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
  failure: { cause: 'secret unreadable', detail: "the endpoint's secret was sealed under another KNOCKON_SECRET" },
  excerpt: null,
  retryAfter: null,
};
