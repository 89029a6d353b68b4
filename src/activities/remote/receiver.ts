import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { Seal } from '../../seal.ts';
import type { HealthRow } from '../runtime/http/circuit.ts';
import { type HttpAttempt, withoutResponse } from '../runtime/http/http-attempt.ts';
import type { Send } from '../runtime/http/send.ts';
import type { WholeBody } from '../runtime/http/whole-body.ts';
import { MOST_BYTES } from './answer.ts';

/** Where an HTTP subscriber is, and how it is doing. */
export interface Receiver {
  url: string;
  /** Sealed; `previous_secret` only while it signs too. */
  secret: string;
  previous_secret: string | null;
  /** Longest time of a request, in ms. */
  timeout_ms: number;
  failures: number;
  failing_cause: string | null;
  /** Null: it does not rest. */
  rest_in_ms: number | null;
  /** Null: its circuit is closed. */
  probe_in_ms: number | null;
}

const inMs = (moment: SQL): SQL => sql`(extract(epoch from ${moment} - now()) * 1000)::float8`;

/** @returns undefined where there is none of that name */
export async function readReceiver(
  db: Database['db'],
  name: string,
): Promise<Receiver | undefined> {
  const [row] = await db.execute(sql`
    select url, secret, case when previous_until > now() then previous_secret end
        as previous_secret, timeout_ms, failures, failing_cause,
      ${inMs(sql`resting_until`)} as rest_in_ms, ${inMs(sql`probe_at`)} as probe_in_ms
    from knockon.http_subscribers where name = ${name}`);
  return row as unknown as Receiver | undefined;
}

/** Where its health stands. */
export const healthRowOf = (name: string): HealthRow => ({
  table: sql`knockon.http_subscribers`,
  is: sql`name = ${name}`,
});

/** What is posted to it, as JSON. */
export interface RemoteCall {
  subscriber: string;
  /** The `webhook-id` too: the same for each try of the same events. */
  call_id: string;
  /** From 1. It is the same after a call that has used up no try. */
  attempt: number;
  events: unknown[];
  /** Set where an operator tries whether it answers: there is nothing to do. */
  test?: true;
}

/** Posts a call, signed, and reads the answer. Never throws. */
export async function post(
  { url, secret, previous_secret, timeout_ms }: Receiver,
  call: RemoteCall,
  { send, seal }: { send: Send; seal: Seal },
  signal?: AbortSignal,
): Promise<HttpAttempt> {
  const secrets = [secret, previous_secret].flatMap((sealed) => unseal(seal, sealed) ?? []);
  if (secrets.length === 0) return unreadableSecret;
  const body = JSON.stringify(call);
  const request = { url, secrets, id: call.call_id, body, timeoutMs: timeout_ms };
  return await send({ ...request, reads: MOST_BYTES }, signal);
}

function unseal(seal: Seal, sealed: string | null): string | undefined {
  if (sealed === null) return undefined;
  try {
    return seal.open(sealed);
  } catch {
    return undefined;
  }
}

const unreadableSecret = withoutResponse(0, {
  cause: 'secret unreadable',
  detail: "the subscriber's secret was sealed under another KNOCKON_SECRET",
  ours: true,
});

/** The body of its answer. */
export const bodyOf = ({ body = { text: '' } }: HttpAttempt): WholeBody => body;
