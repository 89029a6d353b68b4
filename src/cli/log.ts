import type { Command } from 'commander';
import type { LogEntry } from '../ops/log.ts';
import { addOpsOptions, OPS_EXIT_CODES, type Ops, type OpsOptions, operating } from './ops.ts';
import { CommandError, EXIT, table } from './output.ts';

interface LogOptions extends OpsOptions {
  limit: string;
  verb?: string;
  subject?: string;
  by?: string;
}

const MORE = `
Examples:
  $ knockon log
  $ knockon log --verb pause --limit 5
  $ knockon log --subject search --json | jq -r '.[] | [.at, .by, .verb] | @tsv'

${OPS_EXIT_CODES}`;

export function logCommand(program: Command): void {
  const command = program
    .command('log')
    .summary('show who did what to it, when and why')
    .description('Shows the log of operations, newest first: who paused, limited, replayed or discarded what, when and why.')
    .option('-n, --limit <n>', 'most entries, 1 to 10000', '20')
    .option('--verb <verb>', 'only this verb, such as pause')
    .option('--subject <name>', 'only what was done to this, such as a subscriber')
    .option('--by <name>', 'only what this operator did')
    .addHelpText('after', MORE);
  addOpsOptions(command).action(operating<LogOptions, []>(showLog));
}

async function showLog({ api, terminal, options }: Ops<LogOptions>): Promise<void> {
  const most = Number(options.limit);
  if (!Number.isInteger(most) || most < 1 || most > 10_000)
    throw new CommandError('--limit wants a whole number from 1 to 10000', EXIT.usage);
  const { verb, subject, by } = options;
  const filter = new URLSearchParams();
  for (const [name, value] of Object.entries({ verb, subject, by })) if (value) filter.set(name, value);
  const entries: LogEntry[] = [];
  for await (const entry of api.list<LogEntry>(filter.size > 0 ? `/v1/ops/log?${filter}` : '/v1/ops/log')) {
    if (entries.push(entry) >= most) break;
  }
  if (options.json) return terminal.out(JSON.stringify(entries));
  if (entries.length === 0) return terminal.out('Nobody has done anything yet that would be here.');
  const rows = entries.map(({ at, by, verb, subject, detail, reason }) => [at, by, verb, subject, reason, showDetail(detail)]);
  terminal.out(table(terminal, ['when', 'who', 'did', 'to', 'reason', 'detail'], rows));
}

const showDetail = (detail: Record<string, unknown>) =>
  Object.entries(detail)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
