import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Database } from '../db/client.ts';
import type { Heavy } from '../db/heavy/heavy.ts';
import type { EventTypeRegistry } from '../events/registry.ts';
import type { MessageWriter } from '../messages/create.ts';
import type { Message } from '../messages/message.ts';
import type { ControlContext } from '../ops/controls/controls.ts';
import type { Diagnosis } from '../ops/doctor/diagnose.ts';
import type { SeeCalls } from '../ops/inspect/effects.ts';
import type { TemporalUi } from '../ops/inspect/temporal-ui.ts';
import type { OperationHosts } from '../ops/operations/operations.ts';
import type { Live } from '../ops/status/live.ts';
import type { VerifyOptions } from '../ops/status/verify.ts';
import type { EventWriter } from '../outbox/post-events.ts';
import type { Seal } from '../seal.ts';
import type { Limits } from './limits/index.ts';

/** A channel's read model, as the `cache` effect keeps it. */
export interface ChannelSummary {
  channel_id: string;
  messages: number;
  /** The newest message, as `GET /v1/messages/{id}` answers; null in an empty channel. */
  last_message: Message | null;
  /** RFC 3339, UTC; null before the first message. */
  last_activity_at: string | null;
  authors: number;
}

/** What checking a workspace's hash chain found. */
export interface AuditVerdict {
  valid: boolean;
  entries: number;
  /** The newest entry's hash in hex; null for an empty chain. */
  head: string | null;
  /** The first place where the chain does not hold; null where it holds. */
  broken_at: { position: number; reason: string } | null;
}

/** How far a check of a chain has come that took too long for one request. */
export interface AuditProgress {
  checked: number;
  entries: number;
}

/** What came of sending an endpoint its `endpoint.test`. */
export interface TestDelivery {
  delivery_id: string;
  /** Null where no answer came; `error` then says why. */
  status: number | null;
  latency_ms: number;
  error: string | null;
  response_excerpt: string | null;
}

/** What came of a signed call without events to an HTTP subscriber. */
export interface TriedSubscriber extends Omit<TestDelivery, 'delivery_id'> {
  call_id: string;
}

/** Everything the API needs from elsewhere; mains wire it. */
export interface ApiDependencies {
  database: Database;
  /** Where what a caller can make expensive runs: searches, audits, analytics, operators' lists. */
  heavy: Heavy;
  writer: MessageWriter;
  eventWriter: EventWriter;
  /** What may be emitted. */
  eventTypes: EventTypeRegistry;
  /** Seals webhook secrets and stored first answers. */
  seal: Seal;
  /** Null for a channel that has no summary yet. */
  summaries: { get(channelId: string): Promise<ChannelSummary | null> };
  /** @throws as `Heavy` does */
  verifyAudit(workspaceId: string, signal?: AbortSignal): Promise<AuditVerdict | AuditProgress>;
  /** Sends a signed `endpoint.test` at once. */
  sendTest(endpointId: string): Promise<TestDelivery>;
  /** Makes a delivery once more, at once; or why it can't be. */
  redeliver(deliveryId: string): Promise<TestDelivery | 'no event' | 'no endpoint'>;
  /** Sends an HTTP subscriber a signed call without events; undefined: there is none. */
  trySubscriber(name: string): Promise<TriedSubscriber | undefined>;
  /** The task queue of a subscriber of that name. */
  taskQueueOf(name: string): string;
  /** The transport's queues, for operators. */
  queues: ControlContext['queues'];
  /** What the transport knows of calls; without it nothing is told of them. */
  seeCalls?: SeeCalls;
  /** Looks at everything that is known to go wrong. */
  diagnose(): Promise<Diagnosis>;
  /** What the console shows live; without it there is no `GET /v1/ops/stream`. */
  live?: Pick<Live, 'watch'>;
  /** Who works on operations; default: relays do, by themselves. */
  driver?: OperationHosts['driver'];
  /** Default: there are no workflows. */
  resetWorkflow?: OperationHosts['resetWorkflow'];
  /**
   * Which dispatches are running; without it all that is open counts as in flight.
   */
  running?: VerifyOptions['running'];
  readiness(): Promise<{ ok: boolean; detail: Record<string, unknown> }>;
  /** The operator's key; undefined: nobody is the operator. */
  adminKey: string | undefined;
  /** Journeys link into this UI; no links without a `url`. */
  temporalUi: TemporalUi | null;
  /** How many requests are let through; default: all. */
  limits?: Limits;
  /** Why a webhook may not go there; null where it may. */
  isAllowedWebhookUrl(url: string): Promise<string | null>;
  log: Logger;
  /**
   * Where HTTP metrics are registered and what /metrics shows; default: a registry of the API's
   * own.
   */
  metrics?: Registry;
  /**
   * Whether GET /metrics asks for no key; default: true. Where strangers reach the API it must be
   * false.
   */
  openMetrics?: boolean;
}
