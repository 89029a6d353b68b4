import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Sql } from 'postgres';
import { recordDeadLetters } from '../activities/runtime/dead-letters.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { registerEventTypes } from '../events/register.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { checkPayloads, fitsSchema } from '../outbox/check-payloads.ts';
import { type ClaimedDispatch, claim, handedOver, markStarted } from '../outbox/claim.ts';
import { register } from '../outbox/subscribers.ts';
import { WORKFLOW_QUEUE, workflowName } from '../transport/dispatch.ts';
import { effectActivity, heartbeats } from '../workers/effect-activity.ts';
import { registration, withSchema } from '../workers/effects.ts';
import { withOwnSettings } from '../workers/own-settings.ts';
import type { TestDatabase } from './database.ts';
import type { HostedEffect, Workflows } from './time-skipping.ts';

export interface FanOutOptions {
  /** Where settings of an effect's own are read (default `process.env`). */
  env?: NodeJS.ProcessEnv;
  /**
   * The time-skipping server's program. Default: the one that is fetched once from PyPI, which
   * needs Python with pip.
   */
  server?: string;
  /** The workflow code (default: as it was built). */
  workflows?: Workflows;
}

/**
 * Effects, the real workflow and Temporal's time-skipping server: dispatches what waits in the
 * outbox and sees it through to the end, retries, timers and dead letters included. Nothing is
 * waited for: a day takes a moment. The time that it is then is what a call's `now()` says, and
 * `now()` in Postgres.
 *
 * Needs the package `@temporalio/testing`.
 */
export class FanOut {
  readonly #database: Database;
  readonly #effects: Effect[];
  readonly #env: TestWorkflowEnvironment;
  readonly #workflows: Workflows | undefined;

  private constructor(
    database: Database,
    effects: Effect[],
    env: TestWorkflowEnvironment,
    workflows: Workflows | undefined,
  ) {
    this.#database = database;
    this.#effects = effects;
    this.#env = env;
    this.#workflows = workflows;
  }

  /**
   * Registers the effects: what is emitted from then on is for them. Only one at a time for a
   * database. Nothing of the database's other effects runs.
   *
   * @throws ConfigError if a setting of an effect's own is wrong
   */
  static async open(
    { database, url }: Pick<TestDatabase, 'database' | 'url'>,
    effects: Effect[],
    { env = process.env, server, workflows }: FanOutOptions = {},
  ): Promise<FanOut> {
    const hosted = withSchema(withOwnSettings(effects, env));
    const { openTimeSkipping } = await import('./time-skipping.ts');
    await giveItsOwnTime(database.pg);
    await registerEventTypes(database.pg);
    const [skipping] = await Promise.all([
      openTimeSkipping(server),
      register(database.pg, hosted.map(registration)),
    ]);
    // Sessions that are there already keep the time that everybody has.
    const own = connectDatabase(url, { name: 'fan-out' });
    return new FanOut(own, hosted, skipping, workflows);
  }

  /** What time it is: at first this machine's, later by as much as was skipped. */
  async now(): Promise<Date> {
    return new Date(await this.#env.currentTimeMs());
  }

  /**
   * Dispatches all that waits, and what the effects emit meanwhile, and sees it through. What does
   * not fit the schema of its type goes to no effect: it is a dead letter of `schema`.
   *
   * @returns of each workflow that has given something up its failure: what, and why
   */
  async run(): Promise<string[]> {
    const { withWorkers } = await import('./time-skipping.ts');
    const { db } = this.#database;
    const effects = Object.fromEntries(
      this.#effects.map((effect) => [effect.name, this.#timed(effect)]),
    );
    const hosting = {
      effects,
      workflows: this.#workflows,
      recordDeadLetters: (letters: Parameters<typeof recordDeadLetters>[1]) =>
        recordDeadLetters(db, letters),
    };
    return await withWorkers(this.#env, hosting, () => this.#seeThrough());
  }

  async close(): Promise<void> {
    await Promise.all([this.#env.teardown(), this.#database.close()]);
  }

  async #seeThrough(): Promise<string[]> {
    const { pg } = this.#database;
    const fits = fitsSchema(new EventTypeRegistry({ pg }));
    const claimed: ClaimedDispatch[] = [];
    for (const group of await claim(pg, 2000))
      claimed.push(...(await checkPayloads(pg, group, fits)));
    if (claimed.length === 0) return [];
    const runs = await Promise.all(claimed.map((group) => this.#start(group)));
    const failures: string[] = [];
    for (const run of runs) {
      // Each wait lets time be skipped, so two at once let it be while an effect is under way.
      const failure = await run?.result().catch((error) => error);
      if (failure) failures.push(String(failure.cause?.message ?? failure));
    }
    return [...failures, ...(await this.#seeThrough())];
  }

  async #start(group: ClaimedDispatch): Promise<WorkflowHandle | undefined> {
    await markStarted(this.#database.pg, group.id, null);
    // An effect of an earlier test has no worker here: its part would never end.
    const subscribers = group.subscribers.filter(({ name }) =>
      this.#effects.some((effect) => effect.name === name),
    );
    if (subscribers.length === 0) return undefined;
    const [dispatch] = handedOver({ ...group, subscribers });
    // Without search attributes, which the time-skipping server can't be asked for.
    return await this.#env.client.workflow.start(workflowName(dispatch.type), {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: dispatch.id,
      args: [dispatch],
    });
  }

  /** The effect's activity, by the server's time. */
  #timed(effect: Effect): HostedEffect {
    return async (call) => {
      const [began, time] = [performance.now(), await this.now()];
      await this.#database.pg`update clock.ahead set ms = ${time.getTime() - Date.now()}`;
      const now = () => new Date(time.getTime() + performance.now() - began);
      return await heartbeats(effectActivity({ effect }, this.#database.db, { now }))(call);
    };
  }
}

/**
 * From then on `now()` is a function of ours in new sessions, also where it is a column's default.
 * What is emitted has that time too.
 */
async function giveItsOwnTime(pg: Sql): Promise<void> {
  await pg.unsafe(`
    create schema clock;
    create table clock.ahead (ms float8 not null);
    insert into clock.ahead values (0);
    create function clock.now() returns timestamptz language sql stable as
      'select pg_catalog.now() + ms * interval ''1 ms'' from clock.ahead';
    create function clock.clock_timestamp() returns timestamptz language sql volatile as
      'select pg_catalog.clock_timestamp() + ms * interval ''1 ms'' from clock.ahead';
    grant usage on schema clock to public;
    grant select on clock.ahead to public;
    do $$ declare c record; begin
      for c in select oid::regprocedure as function from pg_proc
        where pronamespace = to_regnamespace('knockon') and proname in ('store_event', 'store_events') loop
        execute format('alter function %s set search_path = clock, pg_catalog, pg_temp', c.function);
      end loop;
      for c in select table_name, column_name from information_schema.columns where table_schema = 'knockon' and column_default = 'now()' loop
        execute format('alter table knockon.%I alter column %I
          set default clock.now()', c.table_name, c.column_name);
      end loop;
      execute format('alter database %I set search_path = clock, pg_catalog, public', current_database());
    end $$`);
}
