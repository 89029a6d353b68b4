import type { Command } from 'commander';
import { counted } from '../../ops/operations/counted.ts';
import type { OperationView } from '../../ops/operations/operations.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { follow } from '../trace/follow.ts';
import {
  addOpsOptions,
  addYes,
  confirm,
  OPS_EXIT_CODES,
  type Ops,
  type OpsOptions,
  operating,
} from './ops.ts';

interface RetireOptions extends OpsOptions {
  open?: string[];
  reason?: string;
  detach?: boolean;
  undo?: boolean;
}

const MORE = `
It gets no events that are dispatched from then on, even if a worker registers it again. Other
subscribers are left alone, also those in the same workflows.

What happens to its open effects:
  finish         its workers do them (default): stop them once \`knockon subscribers\` shows no backlog
  discard        they are given up, dead letters too; audit chains record it
  hand-to OTHER  OTHER does them, dead letters too; nothing that OTHER had already comes twice

The same command once more changes nothing. With another --open it switches to that.

To rename a subscriber, start the workers of the new name and wait until \`knockon subscribers\` shows
it. Then retire the old one with hand-to, and stop its workers. In between both get new events.

Examples:
  $ knockon retire links
  $ knockon retire links --open discard --reason "nobody reads them"
  $ knockon retire links --open hand-to links-2
  $ knockon retire links --undo
  $ knockon retire links --json | jq .retired

${OPS_EXIT_CODES}`;

/** `knockon retire NAME`. */
export function retireCommand(program: Command): void {
  const command = program
    .command('retire')
    .summary('retire a subscriber, and finish, discard or hand over what it has open')
    .description('Retires a subscriber: nothing new is for it. Its siblings are left alone.')
    .argument('<name>', 'the subscriber')
    .option('--open <what...>', 'what becomes of what is open: finish, discard or hand-to OTHER')
    .option('--reason <why>', 'why, for the log of operations')
    .option('-d, --detach', 'begin it, and do not stay until what was open is let go')
    .option('--undo', 'take it back; `knockon backfill` brings what it was not given meanwhile')
    .addHelpText('after', MORE);
  addYes(addOpsOptions(command)).action(operating<RetireOptions, [string]>(retire));
}

async function retire(ops: Ops<RetireOptions>, name: string): Promise<number> {
  const { api, terminal, options } = ops;
  const path = `/v1/ops/subscribers/${encodeURIComponent(name)}/retire`;
  if (options.undo) {
    if (options.open) throw new CommandError('Give --open or --undo, not both.', EXIT.usage);
    const { body } = await api.send<SubscriberStatus>('DELETE', path);
    terminal.out(
      options.json
        ? JSON.stringify(body)
        : `${name} is not retired any more. \`knockon backfill ${name}\` brings what it missed.`,
    );
    return EXIT.done;
  }
  const way = wayOf(options.open ?? ['finish']);
  const canAsk = process.stdin.isTTY && terminal.live && !options.json;
  if (way.open === 'discard' && canAsk)
    await confirm(ops, `Give up for good what ${name} has open?`);
  const { body } = await api.send<SubscriberStatus>('POST', path, {
    body: { ...way, ...(options.reason && { reason: options.reason }) },
  });
  const operation = body.retired?.operation_id;
  if (options.json && (!operation || options.detach)) terminal.out(JSON.stringify(body));
  else if (!operation)
    terminal.out(
      `${name} is retired: nothing new is for it. Open: ${counted(body.backlog + body.waiting, 'event')}, which its workers finish.`,
    );
  if (!operation) return EXIT.done;
  const begun = await api.get<OperationView>(`/v1/ops/operations/${operation}`);
  if (!options.json) terminal.out(`${name} is retired: nothing new is for it.`);
  if (options.json && options.detach) return EXIT.done;
  if (!options.json) return await follow(ops, begun);
  const code = await follow({ ...ops, terminal: { ...terminal, out: () => {} } }, begun);
  terminal.out(
    JSON.stringify(
      await api.get<SubscriberStatus>(`/v1/ops/subscribers/${encodeURIComponent(name)}`),
    ),
  );
  return code;
}

/** @throws CommandError */
function wayOf([open = '', hand_to, ...more]: string[]): { open: string; hand_to?: string } {
  if ((open === 'finish' || open === 'discard') && hand_to === undefined) return { open };
  if (open === 'hand-to' && hand_to !== undefined && more.length === 0) return { open, hand_to };
  const got = [open, hand_to, ...more].filter(Boolean).join(' ');
  throw new CommandError(
    `--open ${JSON.stringify(got)} must be finish, discard or hand-to OTHER`,
    EXIT.usage,
  );
}
