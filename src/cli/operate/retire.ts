import { type Command, Option } from 'commander';
import { type OpenWay, openWays } from '../../ops/controls/open-ways.ts';
import type { OperationView } from '../../ops/operations/operations.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { counted } from '../../ops/wording.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { follow } from '../trace/follow.ts';
import { addYes, confirm, OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface RetireOptions extends OpsOptions {
  open?: OpenWay;
  to?: string;
  reason?: string;
  detach?: boolean;
  undo?: boolean;
}

const MORE = `
It gets no events that are dispatched from then on, even if a worker registers it again. Other
subscribers are left alone, also those in the same workflows.

What happens to its open effects:
  finish     its workers do them (default): stop them once the operation has ended
  discard    they are given up, dead letters too; audit chains record it
  hand_over  another does them, dead letters too; nothing that it had already comes twice

An operation does this. The command waits for it, except with finish.

The same command once more changes nothing. With another --open it switches to that.

To rename a subscriber, start the workers of the new name and wait until \`knockon subscribers\`
shows it. Then retire the old one with hand_over, and stop its workers. In between both get new
events.

Examples:
  $ knockon retire links
  $ knockon retire links --open discard --reason "nobody reads them"
  $ knockon retire links --open hand_over --to links-2
  $ knockon retire links --undo
  $ knockon retire links --json | jq .retired

${OPS_EXIT_CODES}`;

export function retireCommand(program: Command): void {
  const command = program
    .command('retire')
    .summary('retire a subscriber, and finish, discard or hand over what it has open')
    .description('Retires a subscriber: nothing new is for it. Its siblings are left alone.')
    .argument('<name>', 'the subscriber')
    .addOption(
      new Option('--open <what>', 'what becomes of what is open (default: finish)').choices(
        openWays,
      ),
    )
    .option('--to <name>', 'with hand_over: the subscriber that takes over what is open')
    .option('--reason <why>', 'why, for the action log')
    .option('-d, --detach', 'start it and return at once')
    .option('--undo', 'take it back; `knockon backfill` brings what it was not given meanwhile')
    .addHelpText('after', MORE);
  addYes(operates(command, retire));
}

async function retire(ops: Ops<RetireOptions>, name: string): Promise<number> {
  const { api, terminal, options } = ops;
  const subscriber = `/v1/ops/subscribers/${encodeURIComponent(name)}`;
  if (options.undo) return await reinstate(ops, name, `${subscriber}/retire`);
  const { open = 'finish', to, reason, json } = options;
  checkSuccessor(open, to);
  if (open === 'discard') await confirm(ops, `Discard what ${name} has open?`);
  const { body: operation } = await api.send<OperationView>('POST', `${subscriber}/retire`, {
    body: { open, to, reason },
  });
  if (open !== 'finish' && !json) {
    terminal.out(`${name} is retired: nothing new is for it.`);
    return await follow(ops, operation);
  }
  const isFollowed = open !== 'finish' && !options.detach;
  const quiet = { ...terminal, out: () => {} };
  const code = isFollowed ? await follow({ ...ops, terminal: quiet }, operation) : EXIT.done;
  const status = await api.get<SubscriberStatus>(subscriber);
  terminal.out(json ? JSON.stringify(status) : finishing(status, operation));
  return code;
}

async function reinstate(
  { api, terminal, options }: Ops<RetireOptions>,
  name: string,
  path: string,
): Promise<number> {
  if (options.open) throw new CommandError('Give --open or --undo, not both.', EXIT.usage);
  const { body } = await api.send<SubscriberStatus>('DELETE', path);
  terminal.out(
    options.json
      ? JSON.stringify(body)
      : `${name} is not retired any more. \`knockon backfill ${name}\` brings what it missed.`,
  );
  return EXIT.done;
}

function finishing({ name, backlog, waiting }: SubscriberStatus, { id }: OperationView): string {
  const open = counted(backlog + waiting, 'event');
  return (
    `${name} is retired: nothing new is for it. Open: ${open}, which its workers finish. ` +
    `\`knockon operations ${id}\` shows how far they are.`
  );
}

/** @throws CommandError */
function checkSuccessor(open: RetireOptions['open'], to: string | undefined): void {
  if (open === 'hand_over' && to === undefined)
    throw new CommandError('Who takes over? --open hand_over needs --to NAME.', EXIT.usage);
  if (open !== 'hand_over' && to !== undefined)
    throw new CommandError('--to needs --open hand_over.', EXIT.usage);
}
