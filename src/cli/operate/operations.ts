import { type Command, Option } from 'commander';
import type { OperationView } from '../../ops/operations/operations.ts';
import { idFrom } from '../terminal/ids.ts';
import { CommandError, duration, EXIT, table } from '../terminal/output.ts';
import { explain, follow } from '../trace/follow.ts';
import { addOpsOptions, limitOption, OPS_EXIT_CODES, type Ops, type OpsOptions, operating } from './ops.ts';

interface JobsOptions extends OpsOptions {
  limit: number;
  follow?: boolean;
  pause?: boolean;
  resume?: boolean;
  cancel?: boolean;
}

const MORE = `
What a job has begun is seen through, whether it is paused or cancelled.

Examples:
  $ knockon jobs
  $ knockon jobs 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --follow
  $ knockon jobs 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --pause
  $ knockon jobs --json | jq '.[] | select(.state == "running")'

${OPS_EXIT_CODES}`;

/** `knockon jobs [ID]`. */
export function operationsCommand(program: Command): void {
  const command = program
    .command('jobs')
    .summary('show long work (retries, resets, replays, backfills, rebuilds), and hold it up')
    .description('Shows long work, newest first; with an id one job, which can be followed, paused, resumed and cancelled.')
    .argument('[id]', "a job's id", idFrom('`knockon jobs` shows them.'))
    .addOption(limitOption('jobs', 20))
    .option('-f, --follow', 'stay until it has ended')
    .addOption(new Option('--pause', 'hold it up').conflicts(['resume', 'cancel']))
    .addOption(new Option('--resume', 'let it go on').conflicts(['pause', 'cancel']))
    .addOption(new Option('--cancel', 'end it').conflicts(['pause', 'resume']))
    .addHelpText('after', MORE);
  addOpsOptions(command).action(
    operating<JobsOptions, [string | undefined]>((ops, id) => (id === undefined ? showJobs(ops) : showJob(ops, id))),
  );
}

async function showJobs({ api, terminal, options }: Ops<JobsOptions>): Promise<void> {
  if (options.pause || options.resume || options.cancel) throw new CommandError('Which job? Give its id.', EXIT.usage);
  const jobs: OperationView[] = [];
  for await (const job of api.list<OperationView>('/v1/ops/jobs')) if (jobs.push(job) >= options.limit) break;
  if (options.json) return terminal.out(JSON.stringify(jobs));
  if (jobs.length === 0) return terminal.out('Nobody has asked for long work yet.');
  const rows = jobs.map((job) => [
    ...[job.created_at, job.verb, job.state, `${job.done}/${job.total ?? '?'}`, job.failed],
    ...[job.eta_seconds === null ? null : duration(job.eta_seconds * 1000), job.by, job.id, job.workflow?.url ?? job.workflow?.id],
  ]);
  terminal.out(table(terminal, ['when', 'job', 'state', 'done', 'failed', 'left', 'by', 'id', 'workflow'], rows));
}

async function showJob(ops: Ops<JobsOptions>, id: string): Promise<number> {
  const { api, terminal, options } = ops;
  const path = `/v1/ops/jobs/${encodeURIComponent(id)}`;
  const change = (['pause', 'resume', 'cancel'] as const).find((verb) => options[verb]);
  const job = change ? (await api.send<OperationView>('POST', `${path}/${change}`)).body : await api.get<OperationView>(path);
  if (options.follow) return await follow(ops, job);
  terminal.out(options.json ? JSON.stringify(job) : explain(terminal, job));
  return job.state === 'failed' ? EXIT.failed : EXIT.done;
}
