// The package `knockon/client`: a typed client of the HTTP API, and what receivers of webhooks
// need. It needs nothing but Node or another runtime with `fetch` and `node:crypto`.
export {
  type CallOptions,
  type Client,
  type CreateOptions,
  createClient,
  type List,
} from './client.ts';
export type * from './operations.ts';
export { type Problem, ProblemError, UnreachableError } from './problem.ts';
export type { ClientOptions } from './send.ts';
export type { ServerSentEvent } from './server-sent-events.ts';
export {
  type VerifiedWebhook,
  verifyWebhook,
  type WebhookEvent,
  type WebhookHeaders,
  type WebhookToVerify,
  WebhookVerificationError,
} from './webhooks.ts';
