import type { Command } from 'commander';
import type { Cause } from '../../ops/inspect/dead-letters.ts';
import { collect } from '../api/client.ts';
import { table } from '../terminal/table.ts';
import { addDeadLetterOptions, type DeadLetterOptions, filterOf } from './dead-letter-filter.ts';
import { limitOption, OPS_EXIT_CODES, type Ops, operates } from './ops.ts';

interface FailedOptions extends DeadLetterOptions {
  causes?: boolean;
  limit: number;
}

/** A dead letter, as `GET /v1/ops/dead_letters` answers it. */
interface LetterView {
  id: string;
  created_at: string;
  subscriber: string;
  type: string;
  cause: string;
  attempts: number;
  retrying: boolean;
  message_id: string | null;
  event_id: string;
  workflow: { id: string; url: string | null } | null;
}

const MORE = `
Examples:
  $ knockon failed --causes
  $ knockon failed --subscriber webhooks --cause "HTTP 500"
  $ knockon failed --from 2h --json | jq -r '.[].message_id'

What then: \`knockon retry\` once the cause is gone, \`knockon discard\` if it does not go away,
\`knockon trace <message>\` for one of them.

${OPS_EXIT_CODES}`;

export function failedCommand(program: Command): void {
  const command = program
    .command('failed')
    .summary('show what was given up: dead letters, by cause')
    .description(
      'Shows dead letters, newest first: effects that will not happen by themselves any more. ' +
        'With --causes grouped by subscriber and cause.',
    )
    .option('--causes', 'group them')
    .addOption(limitOption('dead letters', 50))
    .addHelpText('after', MORE);
  operates<FailedOptions, []>(addDeadLetterOptions(command), (ops) =>
    ops.options.causes ? showCauses(ops) : showLetters(ops),
  );
}

const query = async (ops: Ops<DeadLetterOptions>) => {
  const filter = new URLSearchParams(await filterOf(ops));
  return filter.size > 0 ? `?${filter}` : '';
};

async function showCauses(ops: Ops<FailedOptions>): Promise<void> {
  const { api, terminal, options } = ops;
  const { data } = await api.get<{ data: Cause[] }>(
    `/v1/ops/dead_letters/causes${await query(ops)}`,
  );
  if (options.json) return terminal.out(JSON.stringify(data));
  if (data.length === 0) return terminal.out('Nothing has been given up.');
  const rows = data.map((one) => [
    one.subscriber,
    one.cause,
    one.count,
    one.first,
    one.last,
    one.example.message_id ?? one.example.event_id,
  ]);
  terminal.out(table(terminal, ['subscriber', 'cause', 'count', 'first', 'last', 'example'], rows));
  const [{ subscriber, cause } = { subscriber: '', cause: '' }] = data;
  terminal.out(
    `\nOnce the cause is gone: knockon retry --subscriber ${subscriber} --cause ` +
      `${JSON.stringify(cause)}`,
  );
}

async function showLetters(ops: Ops<FailedOptions>): Promise<void> {
  const { api, terminal, options } = ops;
  const list = api.list<LetterView>(`/v1/ops/dead_letters${await query(ops)}`);
  const letters = await collect(list, options.limit);
  if (options.json) return terminal.out(JSON.stringify(letters));
  if (letters.length === 0) return terminal.out('Nothing has been given up.');
  const head = [
    'when',
    'subscriber',
    'type',
    'cause',
    'tries',
    'message or event',
    'id',
    'workflow',
  ];
  terminal.out(table(terminal, head, letters.map(rowOf)));
}

const rowOf = (letter: LetterView) => [
  letter.created_at,
  letter.subscriber,
  letter.type,
  letter.retrying ? `${letter.cause} (being retried)` : letter.cause,
  letter.attempts,
  letter.message_id ?? letter.event_id,
  letter.id,
  letter.workflow?.url ?? letter.workflow?.id,
];
