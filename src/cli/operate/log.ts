import { type Command, InvalidArgumentError, Option } from 'commander';
import { closest } from 'fastest-levenshtein';
import type { LogEntry } from '../../ops/access/action-log.ts';
import { ACTIONS } from '../../ops/access/actions.ts';
import { collect } from '../api/client.ts';
import { table } from '../terminal/table.ts';
import { limitOption, OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface LogOptions extends OpsOptions {
  limit: number;
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
    .description(
      'Shows the action log, newest first: who paused, limited, replayed or discarded ' +
        'what, when and why.',
    )
    .addOption(limitOption('entries', 20))
    .addOption(new Option('--verb <verb>', 'only this verb, such as pause').argParser(verb))
    .option('--subject <name>', 'only what was done to this, such as a subscriber')
    .option('--by <name>', 'only what this operator did')
    .addHelpText('after', MORE);
  operates(command, showLog);
}

function verb(text: string): string {
  if ((ACTIONS as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(
    `Did you mean ${closest(text, ACTIONS)}? The log knows: ${ACTIONS.join(', ')}.`,
  );
}

async function showLog({ api, terminal, options }: Ops<LogOptions>): Promise<void> {
  const { verb, subject, by } = options;
  const filter = new URLSearchParams();
  for (const [name, value] of Object.entries({ verb, subject, by }))
    if (value) filter.set(name, value);
  const path = filter.size > 0 ? `/v1/ops/log?${filter}` : '/v1/ops/log';
  const entries = await collect(api.list<LogEntry>(path), options.limit);
  if (options.json) return terminal.out(JSON.stringify(entries));
  if (entries.length === 0) return terminal.out('Nobody has done anything yet that would be here.');
  const rows = entries.map(({ at, by, verb, subject, detail, reason }) => [
    at,
    by,
    verb,
    subject,
    reason,
    showDetail(detail),
  ]);
  terminal.out(table(terminal, ['when', 'who', 'did', 'to', 'reason', 'detail'], rows));
}

const showDetail = (detail: Record<string, unknown>) =>
  Object.entries(detail)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
