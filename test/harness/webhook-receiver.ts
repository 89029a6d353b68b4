import type { IncomingHttpHeaders } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { type Effect, machineTime } from '../../src/activities/runtime/effect.ts';
import { webhooks } from '../../src/activities/webhooks/index.ts';
import type { WebhookEvent } from '../../src/client/webhooks.ts';
import type { Database } from '../../src/db/client.ts';
import { endpoints } from '../../src/db/schema/webhooks.ts';
import type { DomainEvent } from '../../src/events/index.ts';
import { createSeal } from '../../src/seal.ts';
import { type ReceivedWebhook, WebhookReceiver } from '../../src/testing/receiver.ts';

export type Received = ReceivedWebhook;

export const seal = createSeal('a secret of thirty-two characters');
export const loopback = ['127.0.0.0/8', '::1/128'];

export interface RegisterOptions {
  types?: string[];
  url?: string;
  secret?: string;
  maxPerSecond?: number;
}

/** The receiver of `knockon/testing`, which takes what the official library verifies too. */
export class Receiver extends WebhookReceiver {
  static start(): Promise<Receiver> {
    return new Receiver().listen();
  }

  /** Registers an endpoint of that workspace here. */
  async register({ db }: Database, workspaceId: string, options: RegisterOptions = {}) {
    const {
      types = ['*'],
      url = this.url(),
      secret = seal.close(this.secret),
      maxPerSecond: max_per_second,
    } = options;
    const values = { workspace_id: workspaceId, url, event_types: types, secret, max_per_second };
    const [row] = await db.insert(endpoints).values(values).returning();
    return row!;
  }

  protected override verify(body: string, headers: IncomingHttpHeaders): WebhookEvent {
    new Webhook(this.secret).verify(body, headers as Record<string, string>);
    return super.verify(body, headers);
  }
}

/** Calls the effect as its activity does. */
export async function perform(
  { db }: Database,
  events: DomainEvent[],
  options: {
    target?: string;
    /** The dispatch that calls. */
    dispatchId?: string;
    signal?: AbortSignal;
    timeoutMs?: number;
    allow?: string[];
    secret?: string;
    effect?: Effect;
  } = {},
) {
  const {
    timeoutMs = 2000,
    allow = loopback,
    target,
    dispatchId: dispatch_id,
    signal = new AbortController().signal,
  } = options;
  const {
    effect = webhooks({
      seal: options.secret ? createSeal(options.secret) : seal,
      allow,
      timeoutMs,
    }),
  } = options;
  if (!('perform' in effect)) throw new Error('webhooks call the outside');
  return (await effect.perform(events, { ...machineTime, db, target, dispatch_id, signal })) ?? [];
}
