import { WORKFLOW_QUEUE } from '../../transport/dispatch.ts';
import { readControls } from '../controls.ts';
import { subscriberStatuses } from '../subscriber-status.ts';
import { readWorkers } from '../workers.ts';
import { age, type Finding, fine, ill, type Patient } from './finding.ts';

/** Somebody takes the calls of every subscriber, and under Temporal the workflows. */
export async function checkWorkers(patient: Patient): Promise<Finding[]> {
  const all = await subscriberStatuses(patient);
  if (all.length === 0) return [ill('workers', 'no effect has ever registered: events wait', 'Start `knockon worker effects`.')];
  const alone = all.filter(({ workers }) => workers === 0).map(({ name }) => name);
  const effects =
    alone.length === 0
      ? fine('workers', `every one of ${all.length} subscribers has a worker`)
      : ill(
          'workers',
          `nobody takes the calls of ${alone.join(', ')}: its events wait`,
          `Start \`knockon worker effects --only ${alone.join(',')}\`; its log says why it ends.`,
        );
  return patient.queues.steeredBy === 'server' ? [effects, await checkWorkflowWorkers(patient)] : [effects];
}

async function checkWorkflowWorkers({ database: { sql }, queues }: Patient): Promise<Finding> {
  const beats = (await readWorkers(sql)).filter(({ kind, alive }) => kind === 'workflows' && alive);
  const pollers =
    beats.length > 0
      ? []
      : (await queues.describe(WORKFLOW_QUEUE)).pollers.filter(({ seen_at }) => Date.now() - seen_at.getTime() < 20_000);
  if (beats.length + pollers.length > 0) return fine('workflow workers', `${beats.length || pollers.length} at work`);
  return ill('workflow workers', 'there is none: dispatches wait', 'Start `knockon worker workflows`; its log says why it ends.');
}

/** All run one version. */
export async function checkVersions({ database: { sql }, version }: Patient): Promise<Finding[]> {
  const beats = (await readWorkers(sql)).filter(({ alive }) => alive);
  const versions = [...new Set([version, ...beats.map((beat) => beat.version)])].sort();
  if (versions.length === 1) return [fine('versions', `API and ${beats.length} workers run ${version}`)];
  const others = beats.filter((beat) => beat.version !== version).map((beat) => `${beat.identity} (${beat.version})`);
  return [
    ill(
      'versions',
      `the API runs ${version}, beside ${others.slice(0, 5).join(', ')}`,
      'Finish the deployment, or roll it back: restart what runs the other version.',
    ),
  ];
}

/** Queues are as operators asked. */
export async function checkQueues(patient: Patient): Promise<Finding[]> {
  const wrong = (await subscriberStatuses(patient)).filter(({ applied }) => !applied).map(({ name }) => name);
  if (wrong.length === 0) return [fine('queues', 'all are as was asked')];
  const remedy = 'It is put right within seconds once Temporal answers; if not, look at the log of the API and at TEMPORAL_ADDRESS.';
  return [ill('queues', `the queue of ${wrong.join(', ')} is not as was asked`, remedy)];
}

/** Nobody has been forgotten on pause. */
export async function checkPaused({ database: { sql }, pausedTooLongMs }: Patient): Promise<Finding[]> {
  const paused = (await readControls(sql)).flatMap(({ subscriber, paused_at, paused_by, pause_reason }) =>
    paused_at ? [{ subscriber, ms: Date.now() - paused_at.getTime(), why: `by ${paused_by}: ${pause_reason}` }] : [],
  );
  if (paused.length === 0) return [fine('paused', 'no subscriber is paused')];
  const told = paused.map(({ subscriber, ms, why }) => `${subscriber} for ${age(ms / 1000)} (${why})`).join('; ');
  const late = paused.filter(({ ms }) => ms > pausedTooLongMs);
  if (late.length === 0) return [fine('paused', told)];
  return [ill('paused', told, late.map(({ subscriber }) => `\`knockon resume ${subscriber}\``).join(', '))];
}
