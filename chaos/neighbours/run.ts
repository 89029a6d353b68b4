import postgres from 'postgres';
import type { World } from '../checks/check.ts';
import { lookAtAll } from '../checks/index.ts';
import type { Options } from '../options.ts';
import { oneOfEach } from '../processes/deployment.ts';
import type { RunFolder } from '../processes/run-folder.ts';
import { type StartedProcesses, startAll, stopAll } from '../processes/start-and-stop.ts';
import { randomFrom } from '../random.ts';
import { ReadinessWatch } from '../readiness.ts';
import type { RunContext } from '../run.ts';
import { Bills } from '../traffic/bills.ts';
import { Client } from '../traffic/client.ts';
import { Journal } from '../traffic/journal.ts';
import { Receiver } from '../traffic/receiver.ts';
import { type AnsweredCall, ResponseTimes } from '../traffic/response-times.ts';
import { waitUntilIdle } from '../wait-until-idle.ts';
import { BadNeighbours } from './bad-neighbours.ts';
import type { Course } from './bars.ts';
import { checksOf, stillToCome } from './checks.ts';
import { GoodCustomer } from './good-customer.ts';
import { type NeighboursOutcome, outcomeOf } from './outcome.ts';
import { setUpGoodCustomer } from './set-up-good-customer.ts';

/**
 * How long the good one works alone, in ms; before that for a while to warm up, which counts for
 * nothing.
 */
const ALONE = 20_000;
const WARM = 5000;

/** Longest that all may take to come to rest afterwards, in ms. */
const REST = 4 * 60_000;
/** Longest that the API is waited for while all is looked at, in ms. */
const LOOKING = 3 * 60_000;

/** Of so many events one is refused at its first call. */
const REFUSED = 20;

/** The good one's endpoint: fast, and now and then it refuses an event once. */
async function endpointThatRefusesFew(
  seed: number,
): Promise<{ receiver: Receiver; refused: Set<string> }> {
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

/**
 * One customer works alone, then beside many bad ones: what it has to bear, and whether anything is
 * lost.
 */
export async function runNeighbours(
  options: Options,
  { stage, watchdog, mailbox, progress: { tell } }: RunContext,
): Promise<NeighboursOutcome> {
  const cast: StartedProcesses = { parts: [], watchdog };
  const pg = postgres(stage.databaseUrl, {
    max: 4,
    onnotice: () => {},
    connection: { application_name: 'chaos' },
  });
  const { receiver, refused } = await endpointThatRefusesFew(options.seed);
  let crew: BadNeighbours | undefined;
  try {
    await startAll(stage, cast, { processes: oneOfEach(stage), tell });
    const { good, workspace, client, journal, promptness } = await moveIn(stage, receiver);
    crew = new BadNeighbours(stage, options, watchdog, tell);
    await crew.settled();
    const rest = () =>
      waitUntilIdle(pg, tell, { look: stillToCome(workspace.id), longestMs: REST });
    await rest();
    const measured = await measure({
      good,
      crew,
      url: stage.apiUrls[0],
      minutes: options.minutes,
      rest,
      tell,
    });
    if (good.isWaiting) client.leave();
    const atRest = await rest();
    tell('at rest: looking at everything');
    const world: World = {
      pg,
      client,
      journal,
      bills: new Bills(),
      receiver,
      mailbox,
      workspaces: [workspace],
      env: stage.env,
    };
    const verdicts = await inTime(client, lookAtAll(world, checksOf(measured.bad, workspace.id)));
    const course = { ...measured, hook: receiver.hooks[0]!, refused, late: promptness.late };
    return outcomeOf(options, { course, parts: cast.parts, rest: atRest, verdicts });
  } finally {
    crew?.stop();
    receiver.stop();
    mailbox.stop();
    await pg.end({ timeout: 2 });
    await stopAll(cast);
  }
}

/** The good one, with all that is counted of it. */
async function moveIn({ apiUrls: [apiUrl], adminKey }: RunFolder, receiver: Receiver) {
  const [journal, promptness] = [new Journal(), new ResponseTimes()];
  let see = (_seen: AnsweredCall) => {};
  const client = new Client([apiUrl], journal, (seen) => see(seen));
  const { workspace, credentials } = await setUpGoodCustomer({
    client,
    receiver,
    adminKey,
    apiUrl,
  });
  const good = new GoodCustomer({ client, journal, promptness, workspace, credentials });
  see = good.see;
  return { good, workspace, client, journal, promptness };
}

interface Measuring {
  good: GoodCustomer;
  crew: BadNeighbours;
  url: string;
  minutes: number;
  /** Until nothing of the good one is still to come. */
  rest(): Promise<unknown>;
  tell: (line: string) => void;
}

async function measure({
  good,
  crew,
  url,
  minutes,
  rest,
  tell,
}: Measuring): Promise<Pick<Course, 'alone' | 'beside' | 'probes' | 'bad'>> {
  const ready = new ReadinessWatch([url]);
  await good.work('warming up', WARM);
  ready.start();
  try {
    tell(`alone, for ${ALONE / 1000} s`);
    const alone = await good.work('alone', ALONE);
    // What was refused comes again: it belongs to the time alone.
    await rest();
    tell(`beside the others, for ${minutes} minutes`);
    crew.begin();
    const beside = await good.work('beside', minutes * 60_000);
    return { alone, beside, bad: await crew.end(), probes: ready.probes };
  } finally {
    await ready.stop();
  }
}

/** Where no answer comes any more, there is nothing to wait for. */
async function inTime<T>(client: Client, looking: Promise<T>): Promise<T> {
  const late = setTimeout(() => client.leave(), LOOKING);
  return await looking.finally(() => clearTimeout(late));
}
