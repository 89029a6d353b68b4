import type { Command } from 'commander';
import { type Api, createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import { type ApiOptions, addApiOptions } from '../api/options.ts';
import { idFrom } from '../terminal/arguments.ts';
import {
  CommandError,
  EXIT,
  endOnInterrupt,
  processTerminal,
  reported,
  type Terminal,
} from '../terminal/output.ts';
import {
  followJourney,
  isSettled,
  type JourneyView,
  readJourney,
  showEffect,
  showJourney,
  type Traced,
} from './journey.ts';

const MORE = `
States:
  pending  not dispatched yet
  running  started, or tried again
  waiting  on a durable timer
  done     the effect has happened
  failed   a dead letter: it does not happen by itself any more

Examples:
  $ knockon trace 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70
  $ knockon trace 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --follow
  $ knockon trace --key invoice-42
  $ knockon trace 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --json | jq '.events[].effects[].state'

An event that is scheduled says for when. --follow stays until that moment, and then as for others.

With --follow --json there is a line of JSON for each change. The last one is the final state.

Exit codes: 0 shown; 1 no such message or event, the API can't be reached, or an effect failed (--follow);
130 interrupted.`;

/** How long a followed journey waits for an API that is away: long enough for a restart. */
const PATIENCE = 30_000;

export function traceCommand(program: Command): void {
  const command = program
    .command('trace')
    .summary('show a journey: what happened because of a message or an event')
    .description(
      'Shows the journey of an event, of a message, or of the newest 20 events of a key: each ' +
        'event with the link to its workflow, and each effect with its state, attempts and time ' +
        'since the event. Deleted messages keep theirs.',
    )
    .argument(
      '[id]',
      'the id of a message or an event',
      idFrom('The answer to the post has it, and `knockon.emit` returns it.'),
    )
    .option('--key <key>', 'the key that the events were emitted with, such as invoice-42')
    .option('-f, --follow', 'stay until every effect is done or has failed')
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (id: string | undefined, options: TraceOptions) => {
      const traced = tracedBy(id, options.key);
      endOnInterrupt();
      const api = createApi(findApi(options), { patience: options.follow ? PATIENCE : 0 });
      const show = options.follow ? follow : once;
      process.exitCode = await show(api, traced, processTerminal(), options.json).finally(() =>
        api.close(),
      );
    }),
  );
}

interface TraceOptions extends ApiOptions {
  follow?: boolean;
  key?: string;
}

function tracedBy(id: string | undefined, key: string | undefined): Traced {
  if (id !== undefined && key === undefined) return { id };
  if (key !== undefined && id === undefined) return { key };
  throw new CommandError(
    'Give the id of a message or an event, or --key; one of them.',
    EXIT.usage,
  );
}

async function once(api: Api, traced: Traced, terminal: Terminal, json?: boolean): Promise<number> {
  const journey = await readJourney(api, traced);
  terminal.out(json ? JSON.stringify(journey) : showJourney(terminal, journey));
  return EXIT.done;
}

/** Prints what is known, then each change, until all is settled. @returns the exit code */
export async function follow(
  api: Api,
  traced: Traced,
  terminal: Terminal,
  json?: boolean,
): Promise<number> {
  let last: JourneyView | undefined;
  for await (const journey of followJourney(api, traced, { until: isSettled })) {
    if (json) terminal.out(JSON.stringify(journey));
    else if (!last) terminal.out(`${showJourney(terminal, journey)}\n`);
    else for (const line of changes(terminal, last, journey)) terminal.out(line);
    last = journey;
  }
  const failed =
    last?.events.flatMap((event) => event.effects).filter((effect) => effect.state === 'failed') ??
    [];
  const isCancelled = last?.events.every(({ state }) => state === 'cancelled');
  const end = isCancelled ? 'Cancelled: nothing happens because of it.' : 'Everything is done.';
  if (!json) terminal.out(failed.length === 0 ? end : `${failed.length} failed, the rest is done.`);
  return failed.length === 0 ? EXIT.done : EXIT.failed;
}

function* changes(terminal: Terminal, before: JourneyView, now: JourneyView): Generator<string> {
  const known = new Set(
    before.events.flatMap((event) =>
      event.effects.map((effect) => JSON.stringify([event.id, effect])),
    ),
  );
  for (const event of now.events) {
    const old = before.events.find(({ id }) => id === event.id);
    if (old?.state !== event.state) yield `${event.type}  ${event.state}`;
    for (const effect of event.effects) {
      if (!known.has(JSON.stringify([event.id, effect])))
        yield `${event.type}${showEffect(terminal, event, effect)}`;
    }
  }
}
