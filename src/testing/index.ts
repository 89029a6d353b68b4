// The package `knockon/testing`: a throw-away Postgres, calls of effects with real receipts, the
// whole fan-out in time that is skipped, and a receiver of webhooks. No test runner is needed.
export { aCallTo, type CallOptions } from './call.ts';
export type { TestDatabase } from './database.ts';
export { anEvent, aWorkspace } from './events.ts';
export { FanOut, type FanOutOptions, type RunOptions } from './fan-out.ts';
export { startTestPostgres, type TestPostgres } from './postgres.ts';
export { type ReceivedWebhook, WebhookReceiver } from './receiver.ts';
