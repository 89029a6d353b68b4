import { setTimeout as wait } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import type { World } from '../checks/check.ts';
import { lookAtAll } from '../checks/index.ts';
import type { Options } from '../options.ts';
import { bringUp, type Cast, takeDown } from '../parts/cast.ts';
import { fewProcesses } from '../parts/company.ts';
import { randomFrom } from '../random.ts';
import { ReadinessWatch } from '../readiness.ts';
import type { Around } from '../run.ts';
import { settle } from '../settle.ts';
import { Client } from '../traffic/client.ts';
import { Journal } from '../traffic/journal.ts';
import { Promptness, type Seen } from '../traffic/promptness.ts';
import { Receiver } from '../traffic/receiver.ts';
import { barsOf } from './bars.ts';
import { checksOf, stillToCome } from './checks.ts';
import { Crew } from './crew.ts';
import { Good } from './good.ts';
import { type NeighboursOutcome, outcomeOf } from './outcome.ts';
import { settleGood } from './settle-good.ts';

/** How long the good one works alone, in ms; before that for a while to warm up, which counts for nothing. */
const ALONE = 20_000;
const WARM = 5000;

/** Longest that all may take to come to rest afterwards, in ms. */
const REST = 4 * 60_000;

/** Of so many events one is refused at its first call. */
const REFUSED = 20;

/** The good one's endpoint: fast, and now and then it refuses an event once. */
async function endpointThatRefusesFew(seed: number): Promise<{ receiver: Receiver; refused: Set<string> }> {
  const [refused, taken] = [new Set<string>(), { first: 0 }];
  const receiver = await Receiver.start(randomFrom(seed + 1), (event) => {
    if (event.cameAt.length > 1) return 'takes';
    taken.first += 1;
    if (taken.first % REFUSED !== 0) return 'takes';
    refused.add(event.id);
    return 'refuses';
  });
  return { receiver, refused };
}

/** One customer works alone, then beside many bad ones: what it has to bear, and whether anything is lost. */
export async function runNeighbours(
  options: Options,
  { stage, watchdog, mailbox, progress: { tell } }: Around,
): Promise<NeighboursOutcome> {
  const cast: Cast = { parts: [], watchdog };
  const sql = postgres(stage.databaseUrl, { max: 4, onnotice: () => {}, connection: { application_name: 'chaos' } });
  const { receiver, refused } = await endpointThatRefusesFew(options.seed);
  const ready = new ReadinessWatch([stage.apiUrls[0]]);
  let crew: Crew | undefined;
  try {
    await bringUp(stage, cast, { processes: fewProcesses(stage), tell });
    const [journal, promptness] = [new Journal(), new Promptness()];
    let see = (_seen: Seen) => {};
    const client = new Client([stage.apiUrls[0]], journal, (seen) => see(seen));
    const { workspace, credentials } = await settleGood({ client, receiver, adminKey: stage.adminKey, apiUrl: stage.apiUrls[0] });
    crew = new Crew(stage, options.only, watchdog, tell);
    await crew.settled();
    await settle(sql, tell, { look: stillToCome(workspace.id), longestMs: REST });
    const good = new Good({ client, journal, promptness, workspace, credentials });
    see = good.see;
    await good.work('warming up', WARM);
    ready.start();
    tell(`alone, for ${ALONE / 1000} s`);
    const alone = await good.work('alone', ALONE);
    await seenThrough(sql, workspace.id);
    tell(`beside the others, for ${options.minutes} minutes`);
    crew.begin();
    const beside = await good.work('beside', options.minutes * 60_000);
    const [bad] = await Promise.all([crew.end(), ready.stop()]);
    if (good.isWaiting) client.leave();
    const rest = await settle(sql, tell, { look: stillToCome(workspace.id), longestMs: REST });
    tell('at rest: looking at everything');
    const world: World = { sql, client, journal, receiver, mailbox, workspaces: [workspace], env: stage.env };
    const verdicts = await lookAtAll(world, checksOf(bad, workspace.id));
    const hook = receiver.hooks[0]!;
    const bars = barsOf({ alone, beside, hook, refused, probes: ready.probes, late: promptness.late, bad });
    return outcomeOf(options, { bars, phases: [alone, beside], hook, bad, parts: cast.parts, rest, verdicts });
  } finally {
    await ready.stop();
    crew?.stop();
    receiver.stop();
    mailbox.stop();
    await sql.end({ timeout: 2 });
    await takeDown(cast);
  }
}

/** Until what was refused has come again: it belongs to the time alone. */
async function seenThrough(sql: Sql, workspaceId: string): Promise<void> {
  const until = Date.now() + 15_000;
  const look = stillToCome(workspaceId);
  while (Date.now() < until && Object.keys(await look(sql)).length > 0) await wait(500);
}
