import type { Command } from 'commander';
import type { ListedEvent } from '../../ops/inspect/events.ts';
import type { ScheduledCount, ScheduledOfType } from '../../ops/scheduled-events.ts';
import { counted } from '../../ops/wording.ts';
import { collect } from '../api/client.ts';
import { workspaceId } from '../api/workspace.ts';
import { table } from '../terminal/table.ts';
import { limitOption, OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface ScheduledOptions extends OpsOptions {
  workspace?: string;
  type?: string;
  limit: number;
}

type Counts = ScheduledCount & { types: ScheduledOfType[] };

const MORE = `
Examples:
  $ knockon scheduled
  $ knockon scheduled --type invoice.due --json | jq -r '.events[].id'

What then: \`knockon cancel <event>\` takes one back.

${OPS_EXIT_CODES}`;

/** `knockon scheduled`: what is for later. */
export function scheduledCommand(program: Command): void {
  const command = program
    .command('scheduled')
    .summary('show the events that are for later')
    .description('Shows the events that are for later, the next due first, and counts them.')
    .option('--workspace <name>', 'only of this workspace: its name or id')
    .option('--type <type>', 'only events of this type; the counts are of all types')
    .addOption(limitOption('events', 20))
    .addHelpText('after', MORE);
  operates<ScheduledOptions, []>(command, show);
}

async function show({ api, terminal, options }: Ops<ScheduledOptions>): Promise<void> {
  const { workspace, type, limit } = options;
  const whose: Record<string, string> =
    workspace === undefined ? {} : { workspace_id: await workspaceId(api, workspace) };
  const counts = await api.get<Counts>(`/v1/ops/scheduled?${new URLSearchParams(whose)}`);
  const query = new URLSearchParams({ ...whose, ...(type && { type }), state: 'scheduled' });
  const events = await collect(api.list<ListedEvent>(`/v1/ops/events?${query}`), limit);
  if (options.json) return terminal.out(JSON.stringify({ ...counts, events }));
  if (counts.count === 0) return terminal.out('Nothing is scheduled.');
  const types = counts.types.map((one) => [one.type, one.count, one.next_at]);
  terminal.out(table(terminal, ['type', 'scheduled', 'next'], types));
  const count = type ? (counts.types.find((one) => one.type === type)?.count ?? 0) : counts.count;
  if (count === 0) return terminal.out(`\nNo event of the type ${type} is scheduled.`);
  const rows = events.map((event) => [
    event.deliver_at,
    event.type,
    event.workspace_name ?? event.workspace_id,
    event.key,
    event.id,
  ]);
  const more = count > rows.length ? `, of ${counted(count, 'event')}` : '';
  terminal.out(`\nThe next ${rows.length}${more}:`);
  terminal.out(table(terminal, ['due', 'type', 'workspace', 'key', 'event'], rows));
}
