import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import type { World } from './checks/check.ts';
import { lookAtAll } from './checks/index.ts';
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
import { Client } from './traffic/client.ts';
import { Journal } from './traffic/journal.ts';
import type { Mailbox } from './traffic/mailbox.ts';
import { Receiver } from './traffic/receiver.ts';
import { ResponseTimes } from './traffic/response-times.ts';
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
    const workspaces = await openWorkspaces(client, receiver, stage.adminKey);
    const env = { ...stage.env, DATABASE_URL: stage.databaseUrl };
    const world: World = { pg, client, journal, receiver, mailbox, workspaces, env };
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
  const { client, journal, workspaces } = world;
  const random = (n: number) => randomFrom(options.seed + 1000 * (n + 2));
  const writers = Array.from(
    { length: options.writers },
    (_, n) => new Writer({ client, journal, workspaces, random: random(n), name: `w${n}` }),
  );
  progress.watch(journal);
  const written = Promise.all(writers.map((writer) => writer.write()));
  written.catch(() => {});
  await wait(2000);
  const seen = await mischief();
  await Promise.all(parts.map((part) => part.untilUp()));
  for (const writer of writers) writer.stop();
  await inTime(written, world);
  progress.end();
  return seen;
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
