import { recordDeadLetters } from '../../../src/activities/runtime/dead-letters.ts';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { Database } from '../../../src/db/client.ts';
import type { Dispatch } from '../../../src/transport/dispatch.ts';
import type { Transport } from '../../../src/transport/transport.ts';

/** A transport that calls each effect of a dispatch once, before it is started. */
export class CallingTransport implements Transport {
  /** What it was given. */
  readonly taken: Dispatch[] = [];
  readonly #database: Database;
  readonly #effects: Effect[];

  constructor(database: Database, effects: Effect[]) {
    this.#database = database;
    this.#effects = effects;
  }

  async start(dispatch: Dispatch): Promise<string> {
    this.taken.push(dispatch);
    for (const { name } of dispatch.subscribers) await this.#call(dispatch, name);
    return 'run';
  }

  async #call({ id, size }: Dispatch, subscriber: string): Promise<void> {
    const effect = this.#effects.find(({ name }) => name === subscriber);
    if (!effect) throw new Error(`nobody hosts ${subscriber}`);
    const { db } = this.#database;
    const call = { dispatch_id: id, subscriber, events: { offset: 0, limit: size }, alone: false };
    const { open } = await answer(effect, db, call, new AbortController().signal);
    const letters = open.flatMap((outcome) =>
      outcome.state === 'dead'
        ? [
            {
              events: { ids: [outcome.event_id] },
              cause: outcome.cause ?? '',
              reason: outcome.reason,
            },
          ]
        : [],
    );
    await recordDeadLetters(db, { dispatch_id: id, subscriber, letters });
  }

  async close(): Promise<void> {}
}
