import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ScheduleInFull } from '../../ops/schedules/list.ts';
import { parseDuration } from '../../text/duration.ts';
import { workspaceId } from '../api/workspace.ts';
import { parsePayload } from '../emit/emit.ts';
import { OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface ScheduleOptions extends OpsOptions {
  cron: string;
  zone: string;
  emit: string;
  workspace: string;
  payload?: Record<string, unknown>;
  key?: string;
  catchUp: number;
  overlap: 'allow' | 'skip';
  replace?: boolean;
}

const MORE = `
The cron has five fields: minute, hour, day of month, month and day of week. Or it is @hourly,
@daily, @weekly, @monthly or @yearly. \`knockon schedules\` lists schedules, and steers them.

In the payload each text that is "$scheduled_at" becomes the moment that the run was due. The
payload must fit the schema of the event type: \`knockon event-types show TYPE\` shows it.

The same command once more changes nothing.

Examples:
  $ knockon schedule weekly-digest --cron "0 9 * * 1" --zone Europe/Berlin --emit digest.due \\
      --workspace Acme
  $ knockon schedule nightly --cron @daily --emit report.due --workspace Acme \\
      --payload '{"day": "$scheduled_at"}' --key reports --overlap skip

${OPS_EXIT_CODES}`;

/** `knockon schedule`: an event that is emitted again and again. */
export function scheduleCommand(program: Command): void {
  const command = program
    .command('schedule')
    .summary('emit an event again and again, by a cron')
    .description('Has an event emitted again and again, by a cron in a time zone.')
    .argument('<name>', 'a name for it, such as weekly-digest')
    .requiredOption('--cron <cron>', 'when, such as "0 9 * * 1"')
    .requiredOption('--emit <type>', 'the event type, such as digest.due')
    .requiredOption('--workspace <name>', 'whose event it is: the name or id of a workspace')
    .option('--zone <zone>', 'the time zone of the cron, such as Europe/Berlin', 'UTC')
    .option('--payload <json>', "the event's payload, a JSON object", parsePayload)
    .option('--key <key>', 'what the events are in order with')
    .option('--catch-up <time>', 'how late a run may be emitted; later it is missed', span, DAY)
    .addOption(
      new Option('--overlap <how>', 'skip: no run while the event of the one before is open')
        .choices(['allow', 'skip'])
        .default('allow'),
    )
    .option('--replace', 'change the schedule of that name, where it says something else')
    .addHelpText('after', MORE);
  operates(command, setSchedule);
}

async function setSchedule(ops: Ops<ScheduleOptions>, name: string): Promise<void> {
  const { cron, zone, emit, payload, key, catchUp, overlap, replace } = ops.options;
  const body = {
    workspace_id: await workspaceId(ops.api, ops.options.workspace),
    cron,
    zone,
    event_type: emit,
    payload,
    key,
    catch_up_seconds: catchUp,
    overlap,
  };
  const path = `/v1/ops/schedules/${encodeURIComponent(name)}${replace ? '?replace=true' : ''}`;
  const answer = await ops.api.send<ScheduleInFull>('PUT', path, { body });
  if (ops.options.json) return ops.terminal.out(JSON.stringify(answer.body));
  const { state, next_at } = answer.body;
  const when = state === 'paused' ? 'once it is resumed' : `first at ${next_at}`;
  ops.terminal.out(`${name} emits ${emit}, ${when}.`);
}

const DAY = 86_400;

/** In seconds. */
function span(text: string): number {
  const time = parseDuration(text);
  if (time === undefined)
    throw new InvalidArgumentError('It must be a time such as 10m, 24h or 7d.');
  return Math.round(time / 1000);
}
