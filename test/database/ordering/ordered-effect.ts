import { sql } from 'drizzle-orm';
import { recordDeadLetters } from '../../../src/activities/runtime/dead-letters.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { claim } from '../../../src/outbox/claim.ts';
import type { EffectAnswer, EffectCall, OpenOutcome } from '../../../src/transport/dispatch.ts';
import type { TestDatabase } from '../../harness/database.ts';
import { subscribe } from '../../harness/messaging.ts';
import { inChannels, type StartTalk, type Talk } from './keyed-talk.ts';

export type Ordered = Parameters<typeof defineEffect>[0];

/** What an effect does beside noting its events; it may throw, or answer what is open. */
type Extra = (
  tx: Transaction,
  events: DomainEvent[],
) => Promise<OpenOutcome[] | void> | OpenOutcome[] | void;

let names = 0;

/**
 * An ordered effect, the channels or keys it works in, and its calls one by one, as a transport
 * would make them.
 */
export class OrderedEffect {
  readonly name: string;
  readonly effect: Effect;
  readonly talk: Talk;
  readonly #test: TestDatabase;

  private constructor(test: TestDatabase, talk: Talk, effect: Effect) {
    this.#test = test;
    this.talk = talk;
    this.effect = effect;
    this.name = effect.name;
  }

  /**
   * Registers it after the channels were made, so that what it gets begins with the first message.
   */
  static async open(
    test: TestDatabase,
    options: Partial<Ordered> & { channels?: number; extra?: Extra; startTalk?: StartTalk } = {},
  ): Promise<OrderedEffect> {
    const { channels, extra, startTalk = inChannels, ...rest } = options;
    names += 1;
    const name = `ordered-${names}`;
    const { pg: client } = test.database;
    await client`create table if not exists seen (effect text, place bigserial, seq int, event_id uuid, unique (effect, event_id))`;
    const talk = await startTalk(test.database, { ...(channels && { channels }) });
    const transact = async (tx: Transaction, events: DomainEvent[]) => {
      const open = (await extra?.(tx, events)) ?? [];
      for (const { seq, id } of events.filter(
        (event) => !open.some((outcome) => outcome.event_id === event.id),
      ))
        await tx.execute(
          sql`insert into seen (effect, seq, event_id) values (${name}, ${seq}, ${id})`,
        );
      return open;
    };
    const own = {
      name,
      description: '',
      on: ['message.created', 'message.updated', 'message.deleted'],
      ordering: 'key' as const,
    };
    const effect = defineEffect({
      ...own,
      ...('perform' in rest ? {} : { transact }),
      ...rest,
    } as Ordered);
    await client`delete from knockon.subscribers`;
    // What was emitted before is nobody's.
    await client`update knockon.outbox set dispatch_id = ${talk.workspaceId} where dispatch_id is null`;
    await subscribe(test.database, { name, types: effect.on });
    return new OrderedEffect(test, talk, effect);
  }

  /** Claims what waits, a dispatch an event type. */
  dispatches(size = 2000) {
    return claim(this.#test.database.pg, size);
  }

  /** Posts a message and claims it alone. */
  async posted(text = 'hello', channel = 0) {
    const message = await this.talk.post(text, { channel });
    const [dispatch] = await this.dispatches();
    return { message, dispatch: dispatch!, id: message.event_id };
  }

  call(
    dispatch: { id: string; size: number },
    ids?: string[],
    rest: Partial<EffectCall> & { attempt?: number } = {},
  ): Promise<EffectAnswer> {
    const events = ids ? { ids } : { offset: 0, limit: dispatch.size };
    const { attempt, ...more } = rest;
    const call = {
      dispatch_id: dispatch.id,
      subscriber: this.name,
      events,
      alone: (ids?.length ?? dispatch.size) === 1,
      ...more,
    };
    return answer(this.effect, this.#test.database.db, call, new AbortController().signal, {
      attempt,
    });
  }

  /** The `seq`s it has seen of a channel or key, in the order it saw them. */
  async seen(channel = 0): Promise<number[]> {
    const rows = await this.#test.database.pg`
      select s.seq from seen s join knockon.events e on e.id = s.event_id
      where s.effect = ${this.name} and e.sequence_id = ${this.talk.sequenceIds[channel]!}
      order by s.place`;
    return rows.map((row) => row.seq);
  }

  async receipts(): Promise<number> {
    const [row] = await this.#test.database
      .pg`select count(*)::int as n from knockon.receipts where subscriber = ${this.name}`;
    return row?.n;
  }

  async attempt(eventId: string) {
    const [row] = await this.#test.database
      .pg`select * from knockon.attempts where subscriber = ${this.name} and event_id = ${eventId}`;
    return row;
  }

  bury(dispatch: { id: string }, id: string, reason = 'hopeless') {
    const letters = [{ events: { ids: [id] }, cause: reason, reason }];
    return recordDeadLetters(this.#test.database.db, {
      dispatch_id: dispatch.id,
      subscriber: this.name,
      letters,
    });
  }

  /** Forgets a dead letter and lets the event count as done, as discarding does. */
  async discard(id: string): Promise<void> {
    await this.#test.database
      .pg`insert into knockon.receipts (event_id, subscriber) values (${id}, ${this.name})`;
    await this.#test.database
      .pg`delete from knockon.dead_letters where event_id = ${id} and subscriber = ${this.name}`;
  }
}
