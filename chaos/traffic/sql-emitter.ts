import { setTimeout as wait } from 'node:timers/promises';
import type { TransactionSql } from 'postgres';
import { connectDatabase, type Database } from '../../src/db/client.ts';
import { BILL, type Bill, BillMaker, payloadOf } from './bills.ts';
import type { Emitting } from './http-emitter.ts';

/** Thrown where an emitter takes its transaction back. */
class Undone extends Error {}

/**
 * Emits events by `knockon.emit` and `knockon.emit_many`, in transactions of which half are rolled
 * back, and some lie idle for a while.
 */
export class SqlEmitter {
  readonly #database: Database;
  readonly #with: Emitting;
  readonly #maker: BillMaker;
  #stopping = false;

  constructor(databaseUrl: string, emitting: Emitting) {
    // Not postgres.js alone: it ends the process where a connection ends in a transaction.
    this.#database = connectDatabase(databaseUrl, { name: 'sql emitter' });
    this.#with = emitting;
    this.#maker = new BillMaker(emitting.name, emitting.random);
  }

  /** Until it is stopped; the transaction in hand is seen through. */
  async work(): Promise<void> {
    const { random, workspaces, pauseMs } = this.#with;
    while (!this.#stopping) {
      await this.#transaction(this.#maker.some(workspaces, 5));
      await wait(random() * pauseMs);
    }
    await this.#database.close();
  }

  stop(): void {
    this.#stopping = true;
  }

  async #transaction(made: Omit<Bill, 'id'>[]): Promise<void> {
    const { random, bills, journal } = this.#with;
    const isUndone = random() < 0.5;
    const ids: string[] = [];
    try {
      await this.#database.pg.begin(async (tx) => {
        ids.push(...(await this.#emitAll(tx, made)));
        if (random() < 0.05) await wait(random() * 1000);
        if (isUndone) throw new Undone();
      });
      bills.committed.push(...ids.map((id, n) => ({ ...made[n]!, id })));
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (code.startsWith('KN')) journal.complain(`SQL refused an event: ${message}`);
      // Without a commit that was sent, nothing may be left, however the connection ended.
      if (isUndone) bills.undone.push(...ids);
      else bills.unsure += 1;
      await wait(200);
    }
  }

  async #emitAll(tx: TransactionSql, made: Omit<Bill, 'id'>[]): Promise<string[]> {
    if (this.#with.random() < 0.5) {
      const events = made.map((bill) => ({
        type: BILL,
        workspace: bill.workspace.id,
        key: bill.key,
        payload: payloadOf(bill),
      }));
      const rows = await tx`select knockon.emit_many(${tx.json(events)}) as id`;
      return rows.map(({ id }) => String(id));
    }
    const ids: string[] = [];
    for (const bill of made) {
      const [row] = await tx`
        select knockon.emit(${BILL}, ${bill.workspace.id}::uuid, ${tx.json(payloadOf(bill))},
          key => ${bill.key}) as id`;
      ids.push(String(row?.id));
    }
    return ids;
  }
}
