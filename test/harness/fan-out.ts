import type { Sql } from 'postgres';
import { recordDeadLetters } from '../../src/activities/runtime/dead-letters.ts';
import type { Effect } from '../../src/activities/runtime/effect.ts';
import { connectDatabase, type Database } from '../../src/db/client.ts';
import { claim, handedOver, markStarted } from '../../src/outbox/claim.ts';
import { register } from '../../src/outbox/subscribers.ts';
import { WORKFLOW_QUEUE, workflowName } from '../../src/transport/dispatch.ts';
import { effectActivity, heartbeats } from '../../src/workers/effect-activity.ts';
import { registration } from '../../src/workers/effects.ts';
import { WorkflowTestbed } from '../temporal/workflows/testbed.ts';
import type { TestDatabase } from './database.ts';
import { testServerPath, workflowBundle } from './temporal.ts';

/**
 * Effects, our workflow and Temporal's time-skipping server: dispatches what waits in the outbox
 * and sees it through to the end, retries, timers and dead letters included. Nothing is waited for:
 * a day takes a moment. The time that it is then is what a call's `now()` says, and `now()` in
 * Postgres.
 */
export class FanOut {
  readonly #database: Database;
  readonly #effects: Effect[];
  readonly #testbed: WorkflowTestbed;

  private constructor(database: Database, effects: Effect[], testbed: WorkflowTestbed) {
    this.#database = database;
    this.#effects = effects;
    this.#testbed = testbed;
  }

  /**
   * Registers the effects: what is stored from then on is for them. Only one at a time for a
   * database.
   */
  static async open(
    { database, url }: Pick<TestDatabase, 'database' | 'url'>,
    effects: Effect[],
  ): Promise<FanOut> {
    await giveItsOwnTime(database.pg);
    const [testbed] = await Promise.all([
      WorkflowTestbed.open(testServerPath(), workflowBundle()),
      register(database.pg, effects.map(registration)),
    ]);
    // Sessions that are there already keep the time that everybody has.
    return new FanOut(connectDatabase(url, { name: 'fan-out' }), effects, testbed);
  }

  /** What time it is: at first this machine's, later by as much as was skipped. */
  async now(): Promise<Date> {
    return new Date(await this.#testbed.env.currentTimeMs());
  }

  /**
   * Dispatches all that waits, and what the effects emit meanwhile, and sees it through.
   *
   * @returns of each workflow that has given something up its failure: what, and why
   */
  async run(): Promise<string[]> {
    const { pg, db } = this.#database;
    const { workflow } = this.#testbed.env.client;
    const effects = Object.fromEntries(
      this.#effects.map((effect) => [effect.name, this.#timed(effect)]),
    );
    const seeThrough = async () => {
      const failures: string[] = [];
      for (
        let claimed = await claim(pg, 2000);
        claimed.length > 0;
        claimed = await claim(pg, 2000)
      ) {
        const started = claimed.filter(({ subscribers }) => subscribers.length > 0);
        for (const group of claimed) await markStarted(pg, group.id, null);
        // Without search attributes, which the time-skipping server can't be asked for.
        const start = async ([dispatch]: ReturnType<typeof handedOver>) =>
          await workflow.start(workflowName(dispatch.type), {
            taskQueue: WORKFLOW_QUEUE,
            workflowId: dispatch.id,
            args: [dispatch],
          });
        const handles = await Promise.all(started.map((group) => start(handedOver(group))));
        const results = await Promise.allSettled(handles.map((handle) => handle.result()));
        for (const result of results)
          if (result.status === 'rejected')
            failures.push(String(result.reason.cause?.message ?? result.reason));
      }
      return failures;
    };
    return await this.#testbed.with(effects, seeThrough, (letters) =>
      recordDeadLetters(db, letters),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#testbed.close(), this.#database.close()]);
  }

  /** The effect's activity, by the server's time. */
  #timed(effect: Effect): ReturnType<typeof effectActivity> {
    return async (call) => {
      const [began, time] = [performance.now(), await this.now()];
      await this.#database.pg`update clock.ahead set ms = ${time.getTime() - Date.now()}`;
      const now = () => new Date(time.getTime() + performance.now() - began);
      return await heartbeats(effectActivity(effect, this.#database.db, { now }))(call);
    };
  }
}

/**
 * From then on `now()` is a function of ours in new sessions, also where it is a column's default.
 */
async function giveItsOwnTime(pg: Sql): Promise<void> {
  await pg.unsafe(`
    create schema clock;
    create table clock.ahead (ms float8 not null);
    insert into clock.ahead values (0);
    create function clock.now() returns timestamptz language sql stable as
      'select pg_catalog.now() + ms * interval ''1 ms'' from clock.ahead';
    do $$ declare c record; begin
      for c in select table_name, column_name from information_schema.columns where table_schema = 'knockon' and column_default = 'now()' loop
        execute format('alter table knockon.%I alter column %I set default clock.now()', c.table_name, c.column_name);
      end loop;
      execute format('alter database %I set search_path = clock, pg_catalog, public', current_database());
    end $$`);
}
