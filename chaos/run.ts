import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import type { World } from './checks/check.ts';
import { lookAtAll } from './checks/index.ts';
import { subscribeService } from './http-service/subscribers.ts';
import { planKills } from './kill-plan.ts';
import { killProcesses } from './kill-processes.ts';
import { networkVerdicts } from './network/checks.ts';
import { disturbNetwork } from './network/disturb-network.ts';
import { OURS } from './network/switches.ts';
import { TcpProxy } from './network/tcp-proxy.ts';
import type { Options } from './options.ts';
import { allProcesses } from './processes/deployment.ts';
import type { ManagedProcess } from './processes/managed-process.ts';
import type { RunFolder } from './processes/run-folder.ts';
import { type StartedProcesses, startAll, stopAll } from './processes/start-and-stop.ts';
import type { Watchdog } from './processes/watchdog.ts';
import { randomFrom } from './random.ts';
import { type Outcome, outcomeOf } from './report/outcome.ts';
import type { Progress } from './report/progress.ts';
import { Bills } from './traffic/bills.ts';
import { Client } from './traffic/client.ts';
import { HttpEmitter } from './traffic/http-emitter.ts';
import { Journal } from './traffic/journal.ts';
import type { Mailbox } from './traffic/mailbox.ts';
import { Receiver } from './traffic/receiver.ts';
import { ResponseTimes } from './traffic/response-times.ts';
import { SqlEmitter } from './traffic/sql-emitter.ts';
import { openWorkspaces } from './traffic/workspace.ts';
import { Writer } from './traffic/writer.ts';
import { waitUntilIdle } from './wait-until-idle.ts';

/** Where it takes place, and who is there beside what is killed. */
export interface RunContext {
  stage: RunFolder;
  watchdog: Watchdog;
  mailbox: Mailbox;
  progress: Progress;
}

/**
 * Brings everything up, writes and kills for so long (or ill-treats the network), lets it come to
 * rest, and looks at all of it.
 */
export async function run(
  options: Options,
  { stage, watchdog, mailbox, progress }: RunContext,
): Promise<Outcome> {
  const { tell } = progress;
  const cast: StartedProcesses = { parts: [], watchdog };
  const pg = postgres(stage.databaseUrl, {
    max: 4,
    onnotice: () => {},
    backoff: () => 0.3,
    connection: { application_name: OURS },
  });
  const receiver = await Receiver.start(randomFrom(options.seed + 1));
  const proxy =
    options.mode === 'network'
      ? await TcpProxy.start(stage.ports.proxy, stage.ports.postgres)
      : undefined;
  try {
    await startAll(stage, cast, { processes: allProcesses(stage), tell });
    const journal = new Journal();
    const promptness = new ResponseTimes();
    const client = new Client(stage.apiUrls, journal, promptness.see);
    const url = `http://127.0.0.1:${stage.ports.service}`;
    await subscribeService(client, { url, adminKey: stage.adminKey });
    const workspaces = await openWorkspaces(client, receiver, stage.adminKey);
    const env = { ...stage.env, DATABASE_URL: stage.databaseUrl };
    const bills = new Bills();
    const world: World = { pg, client, journal, bills, receiver, mailbox, workspaces, env };
    const scene = { world, parts: cast.parts, progress };
    const ailing =
      proxy &&
      (() => disturbNetwork(options, { stage, watchdog, world, parts: cast.parts, proxy, tell }));
    const seen = await writeAmid(options, scene, ailing ?? (() => killThem(options, scene)));
    const rest = await waitUntilIdle(pg, tell);
    tell('at rest: looking at everything');
    const verdicts = [
      ...(seen ? networkVerdicts({ ...seen, promptness }) : []),
      ...(await lookAtAll(world)),
    ];
    return outcomeOf(options, {
      world,
      parts: cast.parts,
      rest,
      verdicts,
      past: seen?.past,
      slowestMs: promptness.slowestMs,
    });
  } finally {
    progress.end();
    receiver.stop();
    mailbox.stop();
    await pg.end({ timeout: 2 });
    await stopAll(cast);
    proxy?.stop();
  }
}

/** Longest that the writers' last calls may take, in ms. */
const LAST = 5 * 60_000;

interface Scene {
  world: World;
  parts: ManagedProcess[];
  progress: Progress;
}

/**
 * The writers go on until the last part is back, and each sees its call through: so all that was
 * asked for was answered.
 */
async function writeAmid<T>(
  options: Options,
  { world, parts, progress }: Scene,
  mischief: () => Promise<T>,
): Promise<T> {
  const clients = clientsOf(options, world);
  progress.watch(world.journal);
  const written = Promise.all(clients.map((client) => client.work()));
  written.catch(() => {});
  await wait(2000);
  const seen = await mischief();
  await Promise.all(parts.map((part) => part.untilUp()));
  for (const client of clients) client.stop();
  await inTime(written, world);
  progress.end();
  return seen;
}

interface Busy {
  /** Until it is stopped; what is in hand is seen through. */
  work(): Promise<void>;
  stop(): void;
}

/**
 * Longest pause of a writer after a call, in ms. Where it is asked how soon all goes on after a
 * trouble, no queue may grow beside it.
 */
const PAUSE = { kills: 60, network: 4000 };

/** Those who write messages, and a third as many each who emit by HTTP and SQL. */
function clientsOf({ mode, seed, writers }: Options, world: World): Busy[] {
  const { client, journal, bills, workspaces, env } = world;
  const emitters = Math.ceil(writers / 3);
  const several = (count: number, letter: string, first: number) =>
    Array.from({ length: count }, (_, n) => ({
      random: randomFrom(seed + 1000 * (first + n + 2)),
      name: `${letter}${n}`,
    }));
  const pauseMs = mode === 'network' ? PAUSE.network : PAUSE.kills;
  const shared = { journal, bills, workspaces, pauseMs };
  return [
    ...several(writers, 'w', 0).map((own) => new Writer({ client, ...shared, ...own })),
    ...several(emitters, 'h', writers).map((own) => new HttpEmitter(client, { ...shared, ...own })),
    ...several(emitters, 's', writers + emitters).map(
      (own) => new SqlEmitter(String(env.DATABASE_URL), { ...shared, ...own }),
    ),
  ];
}

/** Where no answer comes any more, there is nothing to wait for. */
async function inTime(written: Promise<unknown>, { client, journal }: World): Promise<void> {
  const late = setTimeout(() => client.leave(), LAST);
  await written.catch(({ message }: Error) =>
    journal.complain(`at the end ${message}: no API answered for ${LAST / 60_000} minutes`),
  );
  clearTimeout(late);
}

async function killThem(
  { seed, only, minutes, freeze }: Options,
  { parts, progress }: Scene,
): Promise<undefined> {
  const victims = parts.filter(
    ({ name }) => only.length === 0 || only.some((beginning) => name.startsWith(beginning)),
  );
  const names = victims.map(({ name }) => name);
  await killProcesses(
    victims,
    planKills(randomFrom(seed), names, freeze),
    minutes * 60_000,
    progress.tell,
  );
  progress.tell('no more kills: waiting until all are back');
}
