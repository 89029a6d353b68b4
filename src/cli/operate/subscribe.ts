import { type Command, InvalidArgumentError, Option } from 'commander';
import type { OperationView } from '../../ops/operations/operations.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { namesIn } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { oneLine } from '../terminal/visible.ts';
import { addWorkspaceLimits, type WorkspaceLimitOptions, workspaceLimitOf } from './limit.ts';
import { OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface SubscribeOptions extends OpsOptions, WorkspaceLimitOptions {
  url?: string;
  on?: string[];
  description?: string;
  ordering?: string;
  batch?: number;
  limit?: number;
  timeout?: string;
  attempts?: number;
  debounce?: string;
  debounceMost?: string;
  rotateSecret?: boolean;
  try?: boolean;
}

const MORE = `
Workers of effects post it events within seconds. Each request has up to a batch of events. It
answers 2xx without a body where all are done, or names those that are not. The secret is shown
once: requests are signed with it, as Standard Webhooks say.

The same command once more changes it; what is left out has its default again, but for limits:
\`knockon limit\` changes those too, and those of one workspace.

Examples:
  $ knockon subscribe billing --url https://billing.example.com/events --on invoice.paid
  $ knockon subscribe ledger --url https://ledger.example.com/ --on 'invoice.*,order.paid' \\
      --ordering key --attempts 0
  $ knockon subscribe carts --url https://carts.example.com/ --on cart.changed --debounce 30s
  $ knockon subscribe billing --try
  $ knockon subscribe billing --rotate-secret

${OPS_EXIT_CODES}`;

export function subscribeCommand(program: Command): void {
  const command = program
    .command('subscribe')
    .summary('subscribe an HTTP service, change it, or try whether it answers')
    .description('Subscribes an HTTP service to events: it does an effect, in any language.')
    .argument('<name>', 'its name: lower case, digits, _ and -')
    .option('--url <url>', 'where it takes events')
    .option(
      '--on <types>',
      'event types or patterns (invoice.*), separated by commas, or "*"',
      namesIn('event type'),
    )
    .option('--description <text>', 'one line: what it is good for')
    .addOption(
      new Option('--ordering <how>', 'whether events of a key come one after another').choices([
        'none',
        'key',
        'exclusive',
      ]),
    )
    .option('--batch <n>', 'most events a request, 1 to 1000 (default: 100)', numberIn)
    .option('--limit <n>', 'most events a second, of all workers together', numberIn);
  addWorkspaceLimits(command)
    .option('--timeout <time>', 'longest time of a request, 1s to 5m (default: 30s)')
    .option('--attempts <n>', 'tries of an event; 0: unlimited (default: 20)', numberIn)
    .option('--debounce <wait>', "only a key's last event, once none has come for so long: 30s")
    .option('--debounce-most <time>', 'longest that one waits then (default: ten times as long)')
    .option('--rotate-secret', 'replace its secret; the old one signs too for 24 hours')
    .option('--try', 'send it a signed call without events, and show what it answers')
    .addHelpText('after', MORE);
  operates<SubscribeOptions, [string]>(command, subscribe);
}

export function unsubscribeCommand(program: Command): void {
  const command = program
    .command('unsubscribe')
    .summary('retire a subscriber: what it has open is finished')
    .description('Retires a subscriber as `knockon retire` does: what it has open is finished.')
    .argument('<name>', 'the subscriber')
    .addHelpText('after', `\nExamples:\n  $ knockon unsubscribe billing\n\n${OPS_EXIT_CODES}`);
  operates<OpsOptions, [string]>(command, async ({ api, terminal, options }, name) => {
    const { body } = await api.send<OperationView>('DELETE', pathOf(name));
    terminal.out(
      options.json
        ? JSON.stringify(body)
        : `${name} gets nothing new. \`knockon operations ${body.id}\` shows what it has open.`,
    );
  });
}

const pathOf = (name: string) => `/v1/ops/subscribers/${encodeURIComponent(name)}`;

async function subscribe(ops: Ops<SubscribeOptions>, name: string): Promise<number> {
  const { url, on, rotateSecret, try: isTried } = ops.options;
  if (url === undefined && on === undefined && (rotateSecret || isTried)) {
    if (rotateSecret) await rotate(ops, name);
  } else await put(ops, name);
  return isTried ? await tryNow(ops, name) : EXIT.done;
}

async function put({ api, terminal, options }: Ops<SubscribeOptions>, name: string): Promise<void> {
  const { url, on, description, ordering, batch, limit, timeout, attempts } = options;
  if (url === undefined || on === undefined)
    throw new CommandError('Give --url and --on: where it is, and what it gets.', EXIT.usage);
  const { debounce: wait, debounceMost: most } = options;
  if (most !== undefined && wait === undefined)
    throw new CommandError('--debounce-most is for --debounce: say both.', EXIT.usage);
  const debounce = wait === undefined ? undefined : { by: 'key', wait, most };
  const body = { url, event_types: on, description, ordering, batch, timeout, attempts, debounce };
  const { body: status } = await api.send<SubscriberStatus & { secret?: string }>(
    'PUT',
    pathOf(name),
    { body: { ...body, per_second: limit, per_workspace: workspaceLimitOf(options) } },
  );
  if (options.json) return terminal.out(JSON.stringify(status));
  const what = status.event_types.join(', ');
  if (status.secret === undefined) return terminal.out(`${name} is changed. It gets ${what}.`);
  terminal.out(`${name} is subscribed. It gets ${what}.`);
  terminal.out(`Its secret, shown this once: ${status.secret}`);
}

async function rotate({ api, terminal, options }: Ops<SubscribeOptions>, name: string) {
  const { body } = await api.send<{ secret: string; previous_until: string }>(
    'POST',
    `${pathOf(name)}/rotate_secret`,
  );
  if (options.json) return terminal.out(JSON.stringify(body));
  terminal.out(`Its new secret, shown this once: ${body.secret}`);
  terminal.out(`The old one signs too until ${body.previous_until}.`);
}

interface Tried {
  status: number | null;
  latency_ms: number;
  error: string | null;
  response_excerpt: string | null;
}

async function tryNow({ api, terminal, options }: Ops<SubscribeOptions>, name: string) {
  const { body } = await api.send<Tried>('POST', `${pathOf(name)}/try`);
  const { status, latency_ms, error, response_excerpt } = body;
  if (options.json) terminal.out(JSON.stringify(body));
  else {
    const answered = status === null ? 'It did not answer' : `It answered ${status}`;
    terminal.out(`${answered} in ${latency_ms} ms${error === null ? '.' : `: ${error}`}`);
    if (response_excerpt) terminal.out(oneLine(response_excerpt));
  }
  return error === null ? EXIT.done : EXIT.failed;
}

function numberIn(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It must be a number.');
}
