import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EventTiming } from '../../events/event.ts';
import type { DomainEvent } from '../../events/index.ts';
import { inexactNumbers, whyInexact } from '../../messages/inexact-numbers.ts';
import { createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import { type ApiOptions, addApiOptions } from '../api/options.ts';
import { idFrom, parseAhead } from '../terminal/arguments.ts';
import { endOnInterrupt, processTerminal, reported } from '../terminal/output.ts';

const MORE = `
The payload must fit the schema of the event type: \`knockon event-types show TYPE\` shows it.

Examples:
  $ knockon emit invoice.paid --payload '{"amount": 4200}' --key invoice-42
  $ knockon emit invoice.paid --payload '{"amount": 4200}' --json | jq .id
  $ knockon emit invoice.due --payload '{"amount": 4200}' --in 30d

Exit codes: 0 emitted; 1 failed; 2 the event is refused.`;

interface EmitOptions extends ApiOptions {
  payload: Record<string, unknown>;
  key?: string;
  channel?: string;
  message?: string;
  idempotencyKey?: string;
  deliverAt?: string;
  in?: string;
}

/** `knockon emit`: an event by hand. */
export function emitCommand(program: Command): void {
  const command = program
    .command('emit')
    .summary('emit an event')
    .description('Emits an event into the workspace of the key.')
    .argument('<type>', 'its event type, such as invoice.paid')
    .requiredOption('--payload <json>', 'its payload, a JSON object', parsePayload)
    .option('--key <key>', 'what it is in order with, such as invoice-42')
    .option(
      '--channel <id>',
      'the channel that it happened in',
      idFrom('GET /v1/channels lists them.'),
    )
    .option(
      '--message <id>',
      'the message that it is about',
      idFrom('The answer to the post has it.'),
    )
    .option('--idempotency-key <key>', 'within 24 h it is emitted once under this key')
    .addOption(
      new Option(
        '--deliver-at <moment>',
        'when it is dispatched, up to a year ahead: 2027-01-31T09:00:00Z',
      ).conflicts('in'),
    )
    .option('--in <duration>', 'in how long it is dispatched, such as 2h or 30d', parseAhead)
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (type: string, options: EmitOptions) => {
      endOnInterrupt();
      const api = createApi(findApi(options));
      const { payload, key, channel, message, idempotencyKey } = options;
      const where = { key, channel_id: channel, message_id: message };
      const body = { type, payload, ...where, deliver_at: options.deliverAt ?? options.in };
      const sent = api.send<DomainEvent & EventTiming>('POST', '/v1/events', {
        body,
        idempotencyKey,
      });
      const answer = await sent.finally(() => api.close());
      const json = JSON.stringify(answer.body);
      processTerminal().out(options.json ? json : tell(answer.body, answer.replayed));
    }),
  );
}

/** Reads a payload from the command line. @throws InvalidArgumentError */
export function parsePayload(text: string): Record<string, unknown> {
  try {
    const payload: unknown = JSON.parse(text);
    if (typeof payload === 'object' && payload !== null && !Array.isArray(payload))
      return refuseInexact(text, payload as Record<string, unknown>);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
  }
  throw new InvalidArgumentError(`It must be a JSON object such as '{"amount": 4200}'.`);
}

/** Parsed it is another number already, which the API can't see. */
function refuseInexact<T>(text: string, payload: T): T {
  const [number] = inexactNumbers(text);
  if (number) throw new InvalidArgumentError(`${number.path} ${whyInexact(number)}.`);
  return payload;
}

function tell(event: DomainEvent & EventTiming, isReplayed: boolean): string {
  const { id, type, key, seq, state, deliver_at } = event;
  if (state === 'scheduled') return `Scheduled for ${deliver_at}: ${type} ${id}`;
  const place = key === null ? '' : `, number ${seq} of the key ${key}`;
  return `${isReplayed ? 'Was emitted before' : 'Emitted'}: ${type} ${id}${place}`;
}
