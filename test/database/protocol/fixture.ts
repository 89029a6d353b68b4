import { claim } from '../../../src/outbox/claim.ts';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';

/** What Postgres refuses a statement with. */
export const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    ({ code, message, detail, hint }) => `${code} ${message} | ${detail} | ${hint}`,
  );

/** A database with a worker's subscriber, and the functions of the protocol as that worker calls them. */
export class ProtocolFixture {
  readonly test: TestDatabase;

  private constructor(test: TestDatabase) {
    this.test = test;
  }

  static async open(): Promise<ProtocolFixture> {
    return new ProtocolFixture(await freshDatabase({ connections: 4 }));
  }

  get pg() {
    return this.test.database.pg;
  }

  async register(given: Record<string, unknown>) {
    const [row] = await this.pg<
      { answer: Record<string, unknown> }[]
    >`select knockon.register_subscriber(${this.pg.json(given as never)}) as answer`;
    return row!.answer;
  }

  /** Posts messages and claims them. @returns the call of a subscriber for all of them */
  async aCall(subscriber: string, size: number, text = 'hello'): Promise<EffectCall> {
    const where = await aChannel(this.test.database);
    const writer = aWriter(this.test.database);
    for (let i = 0; i < size; i += 1) await writer.post(aMessage(where, { text: `${text} ${i}` }));
    const [dispatch] = await claim(this.pg, 2000);
    return {
      dispatch_id: dispatch!.id,
      origin: dispatch!.origin!,
      subscriber,
      events: { offset: 0, limit: size },
      alone: size === 1,
    };
  }

  async openEvents(call: EffectCall, seen: string[] = []) {
    const rows = await this.pg<
      { event: { id: string; payload: { text: string } } }[]
    >`select knockon.open_events(${this.pg.json(call as never)}, ${seen}::uuid[]) as event`;
    return rows.map(({ event }) => event);
  }

  async complete(call: EffectCall, ids: string[], pg: typeof this.pg = this.pg): Promise<string[]> {
    const rows = await pg<
      { id: string }[]
    >`select knockon.complete(${this.pg.json(call as never)}, ${ids}::uuid[]) as id`;
    return rows.map(({ id }) => id).sort();
  }

  report(call: EffectCall, answer: unknown) {
    const { pg } = this;
    return pg`select knockon.report(${pg.json(call as never)}, ${pg.json(answer as never)})`;
  }
}
