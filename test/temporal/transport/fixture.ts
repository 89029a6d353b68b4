import { sql } from 'drizzle-orm';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import type { Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import type { TransportTestbed } from './testbed.ts';

type Options = Partial<Parameters<typeof defineEffect>[0]>;

const fast = { attempts: 4, initial: '50ms', max: '200ms' } as const;

let effects = 0;

/** An effect of a name of its own, tried again within a moment. */
export function anEffect(act: Options): Effect {
  effects += 1;
  const what = { name: `effect-${effects}`, description: '', on: ['*'], retry: fast, ...act };
  return defineEffect(what as Parameters<typeof defineEffect>[0]);
}

/**
 * What the tests of a transport share: its testbed, and effects that write down what they are
 * given.
 */
export class TransportFixture {
  #testbed: TransportTestbed | undefined;

  get testbed(): TransportTestbed {
    if (!this.#testbed) throw new Error('the testbed is opened before the tests run');
    return this.#testbed;
  }

  async use(testbed: TransportTestbed): Promise<void> {
    this.#testbed = testbed;
    await testbed.database
      .pg`create table happened (id bigint generated always as identity, effect text, event_id uuid, seq int)`;
  }

  async close(): Promise<void> {
    await this.#testbed?.close();
  }

  /** Writes down each event it is given, where it can be seen whether it did so twice. */
  recordIn(name: () => string): (tx: Transaction, events: DomainEvent[]) => Promise<void> {
    return async (tx, events) => {
      for (const { id, seq } of events)
        await tx.execute(
          sql`insert into happened (effect, event_id, seq) values (${name()}, ${id}, ${seq})`,
        );
    };
  }

  recordingEffect(options: Options = {}): Effect {
    const effect: Effect = anEffect({ ...options, transact: this.recordIn(() => effect.name) });
    return effect;
  }

  async happened({ name }: Effect): Promise<string[]> {
    const rows = await this.testbed.database
      .pg`select event_id from happened where effect = ${name} order by event_id`;
    return rows.map((row) => String(row.event_id));
  }
}
