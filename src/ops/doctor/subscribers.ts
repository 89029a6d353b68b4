import pMap from 'p-map';
import { databaseTime } from '../../db/server.ts';
import { stalePauses } from '../controls/stale-pauses.ts';
import { type SubscriberStatus, subscriberStatuses } from '../status/subscriber-status.ts';
import { isFresh } from '../status/subscriber-workers.ts';
import {
  fingerprintIn,
  readFingerprint,
  readWorkers,
  type WorkerPresence,
} from '../status/workers.ts';
import { counted, howToStart } from '../wording.ts';
import { age, type DoctorContext, type Finding, fail, pass } from './finding.ts';

/** Somebody takes the calls of every subscriber, and under Temporal the workflows. */
export async function checkWorkers(context: DoctorContext): Promise<Finding[]> {
  const registered = await subscriberStatuses(context);
  const all = registered.filter(({ retired }) => !retired);
  if (registered.length === 0)
    return [
      fail(
        'workers',
        'no effect has ever registered: events wait',
        'Start `knockon worker effects`.',
      ),
    ];
  const alone = all.filter(({ workers }) => workers === 0);
  const elsewhere = otherQueues(alone, await readWorkers(context.database.pg));
  const effects =
    alone.length === 0
      ? pass('workers', `each of ${counted(all.length, 'subscriber')} has a worker`)
      : fail(
          'workers',
          `nobody takes the calls of ${alone.map(({ name }) => name).join(', ')}: its events wait` +
            (elsewhere.length > 0 ? `; ${elsewhere.join('; ')}` : ''),
          elsewhere.length > 0 ? ONE_DEPLOYMENT : remedyFor(alone),
        );
  const { workflowQueue } = context.queues;
  return workflowQueue === undefined
    ? [effects]
    : [effects, await checkWorkflowWorkers(context, workflowQueue)];
}

const ONE_DEPLOYMENT =
  'A process with another KNOCKON_DEPLOYMENT has registered it: all processes need the same. Stop ' +
  'that process and start the workers again: they register their own queues.';

/** Of those without a worker on their queue: where workers of ours look for their calls. */
function otherQueues(alone: SubscriberStatus[], workers: WorkerPresence[]): string[] {
  const alive = workers.filter((worker) => worker.alive);
  return alone.flatMap(({ name, task_queue }) => {
    const queues = new Set(alive.flatMap(({ effects }) => effects[name]?.queue ?? []));
    queues.delete(task_queue);
    const others = [...queues].join(', ');
    return queues.size === 0
      ? []
      : [`the calls of ${name} go to ${task_queue}, and its workers take them from ${others}`];
  });
}

/** Those that our workers host are started by one command. */
function remedyFor(alone: SubscriberStatus[]): string {
  const theirs = alone.filter(({ host }) => host === 'worker');
  const ours = alone.filter(({ host }) => host !== 'worker').map(({ name }) => name);
  const start = [
    ...(ours.length > 0
      ? [`Start \`knockon worker effects --only ${ours.join(',')}\`; its log says why it ends.`]
      : []),
    ...theirs.map((one) => `${howToStart(one).replace(/^s/, 'S')}; its log says why it ends.`),
  ];
  return start.join(' ');
}

async function checkWorkflowWorkers(
  { database: { pg }, queues }: DoctorContext,
  workflowQueue: string,
): Promise<Finding> {
  const workers = (await readWorkers(pg)).filter(
    ({ kind, alive }) => kind === 'workflows' && alive,
  );
  const now = await databaseTime(pg);
  const pollers =
    workers.length > 0
      ? []
      : (await queues.describe(workflowQueue)).pollers.filter(
          ({ seen_at }) => now - seen_at.getTime() < 20_000,
        );
  if (workers.length + pollers.length > 0)
    return pass('workflow workers', `${workers.length || pollers.length} at work`);
  return fail(
    'workflow workers',
    'there is none: dispatches wait',
    'Start `knockon worker workflows`; its log says why it ends.',
  );
}

/** Strangers that are told by name. */
const MOST_NAMED = 5;

/**
 * Nobody else takes calls from our queues: no worker of another deployment, which has another
 * database, and no process that takes our workers' calls without being one.
 */
export async function checkStrangers({
  database: { pg },
  queues,
}: DoctorContext): Promise<Finding[]> {
  const { workflowQueue } = queues;
  if (workflowQueue === undefined) return [];
  const [ours, now, workers, effects] = await Promise.all([
    readFingerprint(pg),
    databaseTime(pg),
    readWorkers(pg),
    pg<
      { name: string; task_queue: string }[]
    >`select name, task_queue from knockon.subscribers order by name`,
  ]);
  const isHosted = (name: string) => workers.some(({ alive, effects }) => alive && effects[name]);
  const among = async (queue: string, onlyOurs: boolean) => {
    const { pollers } = await queues.describe(queue);
    return pollers
      .filter((poller) => isFresh(poller, now))
      .filter(({ identity }) => (fingerprintIn(identity) ?? (onlyOurs ? null : ours)) !== ours)
      .map(({ identity }) => `${identity} on ${queue}`);
  };
  const asked = [
    [workflowQueue, true] as const,
    ...effects.map(({ name, task_queue }) => [task_queue, isHosted(name)] as const),
  ];
  const found = (
    await pMap(asked, ([queue, onlyOurs]) => among(queue, onlyOurs), { concurrency: 4 })
  ).flat();
  if (found.length === 0) return [pass('strangers', 'nobody else takes calls from our queues')];
  const more = found.length > MOST_NAMED ? `; and ${found.length - MOST_NAMED} more` : '';
  return [
    fail(
      'strangers',
      "workers that are not this deployment's take calls from its queues: " +
        `${found.slice(0, MOST_NAMED).join('; ')}${more}`,
      'Stop them, set KNOCKON_DEPLOYMENT of one of the two deployments, or give it a ' +
        "TEMPORAL_NAMESPACE of its own. Each refuses what is the other's, so calls come late.",
    ),
  ];
}

/** By how much workers' clocks may differ from the database's, in ms. */
const CLOCKS = 5000;

/**
 * Workers' clocks agree with the database's. Waits are durations, so nothing breaks at once;
 * signatures and logs bear each one's own time.
 */
export async function checkClocks({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const said = (await readWorkers(pg)).flatMap(({ alive, identity, clock_ahead_ms: ahead }) =>
    alive && ahead !== null ? [{ identity, ahead }] : [],
  );
  const off = said.filter(({ ahead }) => Math.abs(ahead) > CLOCKS);
  if (off.length === 0)
    return [pass('clocks', `those of ${counted(said.length, 'worker')} agree with Postgres'`)];
  const told = off.map(
    ({ identity, ahead }) =>
      `${identity} is ${age(Math.abs(ahead) / 1000)} ${ahead > 0 ? 'fast' : 'slow'}`,
  );
  const remedy =
    'Let these machines keep their time by NTP: receivers refuse webhooks whose signature bears ' +
    'another time than theirs.';
  return [fail('clocks', told.join('; '), remedy)];
}

/** All run one version. */
export async function checkVersions({
  database: { pg },
  version,
}: DoctorContext): Promise<Finding[]> {
  const workers = (await readWorkers(pg)).filter(({ alive }) => alive);
  const versions = [...new Set([version, ...workers.map((worker) => worker.version)])].sort();
  if (versions.length === 1)
    return [pass('versions', `API and ${counted(workers.length, 'worker')} run ${version}`)];
  const others = workers
    .filter((worker) => worker.version !== version)
    .map((worker) => `${worker.identity} (${worker.version})`);
  return [
    fail(
      'versions',
      `the API runs ${version}, beside ${others.slice(0, 5).join(', ')}`,
      'Finish the deploy, or roll it back: restart what runs the other version.',
    ),
  ];
}

/** Queues are as operators asked. */
export async function checkQueues(context: DoctorContext): Promise<Finding[]> {
  const wrong = (await subscriberStatuses(context))
    .filter(({ applied, retired }) => !applied && !retired)
    .map(({ name }) => name);
  if (wrong.length === 0) return [pass('queues', 'all are as was asked')];
  const remedy =
    'It is put right within seconds once Temporal answers; if not, look at the log of the API ' +
    'and at TEMPORAL_ADDRESS.';
  return [fail('queues', `the queue of ${wrong.join(', ')} is not as was asked`, remedy)];
}

/** Nobody has been forgotten on pause. */
export async function checkPaused({
  database: { pg },
  pausedTooLongMs,
}: DoctorContext): Promise<Finding[]> {
  const paused = await stalePauses(pg, 0);
  if (paused.length === 0) return [pass('paused', 'no subscriber is paused')];
  const told = paused
    .map(({ name, seconds, by, reason }) => `${name} for ${age(seconds)} (by ${by}: ${reason})`)
    .join('; ');
  const late = paused.filter(({ seconds }) => seconds * 1000 > pausedTooLongMs);
  if (late.length === 0) return [pass('paused', told)];
  return [fail('paused', told, late.map(({ name }) => `\`knockon resume ${name}\``).join(', '))];
}
