import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { BILL, type Bill, BillMaker, type Bills, payloadOf } from './bills.ts';
import type { Client } from './client.ts';
import type { Journal } from './journal.ts';
import type { Workspace } from './workspace.ts';

export interface Emitting {
  journal: Journal;
  bills: Bills;
  workspaces: Workspace[];
  random: Random;
  /** Tells emitters apart. */
  name: string;
  /** Longest pause after a call, in ms. */
  pauseMs: number;
}

/** Emits events by `POST /v1/events` and, a fifth of the time, `POST /v1/events/batch`. */
export class HttpEmitter {
  readonly #client: Client;
  readonly #with: Emitting;
  readonly #maker: BillMaker;
  #calls = 0;
  #stopping = false;

  constructor(client: Client, emitting: Emitting) {
    this.#client = client;
    this.#with = emitting;
    this.#maker = new BillMaker(emitting.name, emitting.random);
  }

  /** Until it is stopped; the call in hand is seen through. */
  async work(): Promise<void> {
    const { random, workspaces, pauseMs } = this.#with;
    while (!this.#stopping) {
      if (random() < 0.2) await this.#batch(this.#maker.some(workspaces, 20));
      else await this.#one(this.#maker.some(workspaces, 1)[0]!);
      await wait(random() * pauseMs);
    }
  }

  stop(): void {
    this.#stopping = true;
  }

  async #one(bill: Omit<Bill, 'id'>): Promise<void> {
    const { status, body } = await this.#call(bill.workspace, '/v1/events', bodyOf(bill));
    if (status === 201 && body.key === bill.key) this.#commit(bill, String(body.id));
    else this.#with.journal.complain(`an event was answered ${status}: ${JSON.stringify(body)}`);
  }

  async #batch(bills: Omit<Bill, 'id'>[]): Promise<void> {
    const sent = { events: bills.map(bodyOf) };
    const { workspace } = bills[0]!;
    for (;;) {
      const { status, body } = await this.#call(workspace, '/v1/events/batch', sent);
      const results = (body.results ?? []) as { id?: string; error?: { status: number } }[];
      const isBusy = results.some(({ error }) => error?.status === 503 || error?.status === 409);
      if (isBusy) {
        // What is stored by now is answered again.
        await wait(200);
        this.#calls -= 1;
        continue;
      }
      if (status !== 200 || results.some(({ id }) => !id))
        this.#with.journal.complain(`a batch was answered ${status}: ${JSON.stringify(body)}`);
      for (const [n, { id }] of results.entries()) if (id) this.#commit(bills[n]!, id);
      return;
    }
  }

  #call(workspace: Workspace, path: string, body: object) {
    this.#calls += 1;
    const once = `${this.#with.name} ${this.#calls}`;
    return this.#client.call({ method: 'POST', path, key: workspace.key, body, once });
  }

  #commit(bill: Omit<Bill, 'id'>, id: string): void {
    this.#with.bills.committed.push({ ...bill, id });
  }
}

const bodyOf = (bill: Omit<Bill, 'id'>) => ({
  type: BILL,
  key: bill.key,
  payload: payloadOf(bill),
});
