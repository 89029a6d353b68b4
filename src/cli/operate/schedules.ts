import type { Command } from 'commander';
import type { ScheduleInFull, ScheduleRun, ScheduleView } from '../../ops/schedules/list.ts';
import type { Run } from '../../ops/schedules/runs.ts';
import { counted } from '../../ops/wording.ts';
import { collect } from '../api/client.ts';
import { workspaceId } from '../api/workspace.ts';
import { parsePastTime } from '../terminal/arguments.ts';
import { table } from '../terminal/table.ts';
import { oneLine } from '../terminal/visible.ts';
import {
  addYes,
  confirm,
  defaultVerb,
  limitOption,
  OPS_EXIT_CODES,
  type Ops,
  type OpsOptions,
  operates,
} from './ops.ts';

const MORE = `
\`knockon schedule NAME\` makes a schedule.

Examples:
  $ knockon schedules
  $ knockon schedules show weekly-digest
  $ knockon schedules pause weekly-digest --reason "holidays"
  $ knockon schedules backfill weekly-digest --from 2024-01-08T00:00:00Z --to 2024-01-15T12:00:00Z
  $ knockon schedules --json | jq -r '.[] | [.name, .next_at] | @tsv'

${OPS_EXIT_CODES}`;

/** `knockon schedules`: what is emitted again and again. */
export function schedulesCommand(program: Command): void {
  const schedules = program
    .command('schedules')
    .summary('show schedules; pause, resume, trigger, backfill and delete them')
    .description('Shows what is emitted again and again, and steers it.')
    .addHelpText('after', MORE);
  const list = defaultVerb(schedules, 'list', 'list schedules by name')
    .option('--workspace <name>', "only this workspace's: its name or id")
    .addOption(limitOption('schedules', 200));
  operates(list, listAll);
  operates(one(schedules, 'show', 'show when it runs next, and its newest runs'), show);
  const pauseHelp = 'emit nothing of it until it is resumed; what is due meanwhile is skipped';
  operates(
    one(schedules, 'pause', pauseHelp).requiredOption(
      '-r, --reason <why>',
      'the reason, for other operators',
    ),
    pause,
  );
  operates(one(schedules, 'resume', 'go on with the first run from now on'), resume);
  operates(one(schedules, 'trigger', 'emit a run at once, also while it is paused'), trigger);
  operates(
    one(schedules, 'backfill', 'emit runs that were missed or skipped, each once')
      .requiredOption(
        '--from <moment>',
        'runs due then or later: 2024-01-15T12:00:00Z, or 2h for two hours ago',
      )
      .option('--to <moment>', 'runs due then or before (default: now)'),
    backfill,
  );
  operates(addYes(one(schedules, 'delete', 'delete it; the events that it emitted stay')), remove);
}

const one = (schedules: Command, verb: string, description: string): Command =>
  schedules
    .command(verb)
    .description(description)
    .argument('<name>', 'the schedule')
    .addHelpText('after', `\n${OPS_EXIT_CODES}`);

interface ListOptions extends OpsOptions {
  workspace?: string;
  limit: number;
}

async function listAll({ api, terminal, options }: Ops<ListOptions>): Promise<void> {
  const { workspace, limit } = options;
  const query = workspace === undefined ? '' : `?workspace_id=${await workspaceId(api, workspace)}`;
  const found = await collect(api.list<ScheduleView>(`/v1/ops/schedules${query}`), limit);
  if (options.json) return terminal.out(JSON.stringify(found));
  if (found.length === 0) return terminal.out('There is no schedule.');
  const rows = found.map((s) => [
    s.name,
    `${s.cron} ${s.zone}`,
    s.event_type,
    s.workspace_name,
    s.next_at ?? s.state,
    s.last_error ? `failing: ${s.last_error}` : runOf(s.last_run),
  ]);
  const heads = ['schedule', 'runs', 'event type', 'workspace', 'next', 'last'];
  terminal.out(table(terminal, heads, rows));
}

const runOf = (run: ScheduleRun | null): string =>
  run === null ? 'never' : `${run.at}${run.event_id === null ? ', skipped' : ''}`;

const pathOf = (name: string, verb?: string) =>
  `/v1/ops/schedules/${encodeURIComponent(name)}${verb ? `/${verb}` : ''}`;

async function show({ api, terminal, options }: Ops, name: string): Promise<void> {
  const found = await api.get<ScheduleInFull>(pathOf(name));
  if (options.json) return terminal.out(JSON.stringify(found));
  const { paused, missed, last_error: error, payload, key, overlap } = found;
  terminal.out(
    oneLine(`${name} emits ${found.event_type} of ${found.workspace_name}, ${found.state}`),
  );
  terminal.out(`Runs: ${found.cron}, ${found.zone}; overlap: ${overlap}`);
  terminal.out(
    `Payload: ${JSON.stringify(payload)}${key === null ? '' : `, key: ${oneLine(key)}`}`,
  );
  if (paused) terminal.out(oneLine(`Paused by ${paused.by} since ${paused.at}: ${paused.reason}`));
  if (error) terminal.out(`The run that is due can't be emitted: ${oneLine(error)}`);
  if (missed)
    terminal.out(
      'Runs were missed. To emit them: ' +
        `\`knockon schedules backfill ${name} --from ${missed.from} --to ${missed.to}\``,
    );
  terminal.out(`\nNext:\n${found.next.map((at) => `  ${at}`).join('\n')}`);
  const runs = found.runs.map((run) => [run.at, run.event_id ?? 'skipped']);
  if (runs.length > 0) terminal.out(`\n${table(terminal, ['due', 'event'], runs)}`);
}

async function pause(ops: Ops<OpsOptions & { reason: string }>, name: string): Promise<void> {
  const body = { reason: ops.options.reason };
  const { body: paused } = await ops.api.send<ScheduleInFull>('POST', pathOf(name, 'pause'), {
    body,
  });
  tell(ops, paused, `${name} is paused. \`knockon schedules resume ${name}\` ends it.`);
}

async function resume(ops: Ops, name: string): Promise<void> {
  const { body } = await ops.api.send<ScheduleInFull>('POST', pathOf(name, 'resume'));
  tell(ops, body, `${name} goes on at ${body.next_at}.`);
}

async function trigger(ops: Ops, name: string): Promise<void> {
  const { body } = await ops.api.send<Run>('POST', pathOf(name, 'trigger'));
  tell(ops, body, `Emitted: ${body.event_id}`);
}

async function backfill(
  ops: Ops<OpsOptions & { from: string; to?: string }>,
  name: string,
): Promise<void> {
  const { from, to } = ops.options;
  const sent = await ops.api.send<{ due: number; emitted: Run[] }>(
    'POST',
    pathOf(name, 'backfill'),
    {
      body: {
        from: parsePastTime('--from', from),
        to: to === undefined ? undefined : parsePastTime('--to', to),
      },
    },
  );
  const { due, emitted } = sent.body;
  const before = due - emitted.length;
  const rest = before > 0 ? `; ${before} had been emitted before` : '';
  tell(ops, sent.body, `Emitted ${counted(emitted.length, 'run')}${rest}.`);
}

async function remove(ops: Ops, name: string): Promise<void> {
  await confirm(ops, `Delete the schedule ${name}?`);
  await ops.api.send('DELETE', pathOf(name));
  tell(ops, { name }, `${name} is deleted.`);
}

const tell = ({ terminal, options }: Ops, answer: object, words: string): void =>
  terminal.out(options.json ? JSON.stringify(answer) : words);
