import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/client.ts';
import type { Seal } from '../../seal.ts';
import { classifyResponse, type ResponseClass } from '../runtime/http/classify-response.ts';
import { createSender, type SenderOptions } from '../runtime/http/send.ts';
import { readAnswer } from './answer.ts';
import { bodyOf, post, readReceiver } from './receiver.ts';

/** What came of a signed call without events. */
export interface TriedSubscriber {
  call_id: string;
  /** HTTP status; null if no answer came. */
  status: number | null;
  latency_ms: number;
  /** Why it would not count as done; null where it would. */
  error: string | null;
  /** At most 1 KiB of the answer's body. */
  response_excerpt: string | null;
}

interface TryDependencies extends SenderOptions {
  db: Database['db'];
  seal: Seal;
}

/**
 * Sends an HTTP subscriber a signed call with `test: true` and no events, once and at once. Nothing
 * is noted of it.
 *
 * @returns undefined where there is none of that name
 */
export function trySubscriber(
  deps: TryDependencies,
): (name: string) => Promise<TriedSubscriber | undefined> {
  const send = createSender(deps);
  return async (name) => {
    const receiver = await readReceiver(deps.db, name);
    if (!receiver) return undefined;
    const call_id = `call_${randomUUID().replaceAll('-', '')}`;
    const call = { subscriber: name, call_id, attempt: 1, events: [], test: true } as const;
    const attempt = await post(receiver, { ...call, events: [] }, { ...deps, send });
    const given = classifyResponse(attempt, receiver.url, 'a test');
    const answered = { events: [], host: receiver.url, now: new Date() };
    const read = given.state === 'delivered' ? readAnswer(bodyOf(attempt), answered) : given;
    return {
      call_id,
      status: attempt.status,
      latency_ms: attempt.latencyMs,
      error: problemOf(read),
      response_excerpt: attempt.excerpt,
    };
  };
}

/** Why a call would not count as done; null where it would. */
function problemOf(
  read: ReturnType<typeof readAnswer> | Exclude<ResponseClass, { state: 'delivered' }>,
): string | null {
  if ('open' in read) return null;
  return 'problem' in read ? read.problem : read.reason;
}
