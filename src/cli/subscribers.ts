import type { Command } from 'commander';
import { findApi } from './address.ts';
import { type ApiOptions, addApiOptions } from './api-options.ts';
import { type Api, createApi } from './client.ts';
import { duration, processTerminal, reported, type Terminal, table } from './output.ts';

/** A subscriber, as `GET /v1/subscribers` answers it. */
interface SubscriberView {
  name: string;
  event_types: string[];
  task_queue: string;
  ordering: string;
  state: string;
  backlog: number | null;
  backlog_age_seconds: number | null;
  lag_seconds: number;
}

const MORE = `
backlog  calls that wait in the subscriber's task queue (– where Temporal does not say)
lag      age of the oldest dispatched event that it has neither done nor given up

Examples:
  $ knockon subscribers
  $ knockon subscribers --json | jq '.[] | select(.lag_seconds > 60) | .name'

Exit codes: 0 shown; 1 the API can't be reached or refuses.`;

export function subscribersCommand(program: Command): void {
  const command = program
    .command('subscribers')
    .summary('show who listens to what, and how far behind they are')
    .description('Shows who listens to what: each subscriber with its event types, task queue, state, backlog and lag.')
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (options: ApiOptions) => {
      const api = createApi(findApi(options));
      await showSubscribers(api, processTerminal(), options.json).finally(() => api.close());
    }),
  );
}

export async function showSubscribers(api: Api, terminal: Terminal, json?: boolean): Promise<void> {
  const all: SubscriberView[] = [];
  for await (const subscriber of api.list<SubscriberView>('/v1/subscribers')) all.push(subscriber);
  if (json) return terminal.out(JSON.stringify(all));
  if (all.length === 0)
    return terminal.out('Nobody has subscribed yet: a worker registers its effects when it starts (`knockon worker effects`).');
  const rows = all.map((s) => [
    s.name,
    s.event_types.join(' '),
    s.task_queue,
    s.ordering,
    s.state,
    s.backlog,
    duration(s.lag_seconds * 1000),
  ]);
  terminal.out(table(terminal, ['subscriber', 'events', 'task queue', 'ordering', 'state', 'backlog', 'lag'], rows, 5));
}
