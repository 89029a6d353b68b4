// The package `knockon`: what an application needs to emit events in its own transactions, and to
// run effects of its own. Servers and workers are loaded when they are called for.
export { sql } from 'drizzle-orm/sql/sql';
export { z } from 'zod';
export {
  type Answer,
  type Call,
  type DatabaseEffect,
  defineEffect,
  type Effect,
  type EventOf,
  type OutsideCall,
  type OutsideEffect,
} from './activities/runtime/effect.ts';
export { dead, later, laterIn, type Open, retry } from './activities/runtime/outcomes.ts';
export type { Transaction } from './db/client.ts';
export { type Connection, type ConnectOptions, connect, migrate } from './embed/connect.ts';
export { type RunEffectsOptions, type RunningEffects, runEffects } from './embed/run-effects.ts';
export {
  defineEvent,
  EventNameError,
  type EventOptions,
  EventSchemaError,
  type EventType,
  type Upcast,
} from './events/catalogue.ts';
export type { DomainEvent } from './events/event.ts';
export {
  type AnyTransaction,
  EmitError,
  type EmittedEvent,
  emit,
  type NewEvent,
} from './outbox/emit.ts';
export { ConfigError } from './settings/problems.ts';
