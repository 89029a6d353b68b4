import { type Command, Option } from 'commander';
import type { OperationView } from '../../ops/operations/operations.ts';
import { collect } from '../api/client.ts';
import { idFrom } from '../terminal/arguments.ts';
import { CommandError, duration, EXIT } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { explain, follow } from '../trace/follow.ts';
import { limitOption, OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface OperationsOptions extends OpsOptions {
  limit: number;
  follow?: boolean;
  pause?: boolean;
  resume?: boolean;
  cancel?: boolean;
}

const MORE = `
What an operation has begun is finished, even if you pause or cancel it.

Examples:
  $ knockon operations
  $ knockon operations 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --follow
  $ knockon operations 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --pause
  $ knockon operations --json | jq '.[] | select(.state == "running")'

${OPS_EXIT_CODES}`;

export function operationsCommand(program: Command): void {
  const command = program
    .command('operations')
    .alias('jobs')
    .summary('show long work (retries, resets, replays, backfills, rebuilds), and hold it up')
    .description(
      'Shows long work, newest first; with an id one operation, which can be followed, paused, ' +
        'resumed and cancelled.',
    )
    .argument('[id]', "an operation's id", idFrom('`knockon operations` shows them.'))
    .addOption(limitOption('operations', 20))
    .option('-f, --follow', 'stay until it has ended')
    .addOption(new Option('--pause', 'hold it up').conflicts(['resume', 'cancel']))
    .addOption(new Option('--resume', 'let it go on').conflicts(['pause', 'cancel']))
    .addOption(new Option('--cancel', 'end it').conflicts(['pause', 'resume']))
    .addHelpText('after', MORE);
  operates<OperationsOptions, [string | undefined]>(command, (ops, id) =>
    id === undefined ? showOperations(ops) : showOperation(ops, id),
  );
}

async function showOperations({ api, terminal, options }: Ops<OperationsOptions>): Promise<void> {
  if (options.pause || options.resume || options.cancel)
    throw new CommandError('Which operation? Give its id.', EXIT.usage);
  const list = api.list<OperationView>('/v1/ops/operations');
  const operations = await collect(list, options.limit);
  if (options.json) return terminal.out(JSON.stringify(operations));
  if (operations.length === 0) return terminal.out('Nobody has asked for long work yet.');
  const head = ['when', 'operation', 'state', 'done', 'failed', 'left', 'by', 'id', 'workflow'];
  terminal.out(table(terminal, head, operations.map(rowOf)));
}

const rowOf = (operation: OperationView) => [
  operation.created_at,
  operation.verb,
  operation.state,
  `${operation.done}/${operation.total ?? '?'}`,
  operation.failed,
  operation.eta_seconds === null ? null : duration(operation.eta_seconds * 1000),
  operation.by,
  operation.id,
  operation.workflow?.url ?? operation.workflow?.id,
];

async function showOperation(ops: Ops<OperationsOptions>, id: string): Promise<number> {
  const { api, terminal, options } = ops;
  const path = `/v1/ops/operations/${encodeURIComponent(id)}`;
  const change = (['pause', 'resume', 'cancel'] as const).find((verb) => options[verb]);
  const operation = change
    ? (await api.send<OperationView>('POST', `${path}/${change}`)).body
    : await api.get<OperationView>(path);
  if (options.follow) return await follow(ops, operation);
  terminal.out(options.json ? JSON.stringify(operation) : explain(terminal, operation));
  return operation.state === 'failed' ? EXIT.failed : EXIT.done;
}
