import type { Command } from 'commander';
import { createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import { type ApiOptions, addApiOptions } from '../api/options.ts';
import { idFrom } from '../terminal/arguments.ts';
import { endOnInterrupt, processTerminal, reported } from '../terminal/output.ts';

const MORE = `
It stays in the log as cancelled. A message is cancelled by deleting it.

Examples:
  $ knockon cancel 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70

Exit codes: 0 cancelled, now or before; 1 it has been dispatched, or there is no such event.`;

/** `knockon cancel`: takes back an event that is for later. */
export function cancelCommand(program: Command): void {
  const command = program
    .command('cancel')
    .summary('cancel an event that is for later')
    .description('Cancels an event that is scheduled: it will not be dispatched.')
    .argument('<event>', 'its id', idFrom('`knockon scheduled` shows them.'))
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (id: string, options: ApiOptions) => {
      endOnInterrupt();
      const api = createApi(findApi(options));
      await api.send('DELETE', `/v1/events/${id}`).finally(() => api.close());
      processTerminal().out(options.json ? JSON.stringify({ id }) : `Cancelled: ${id}`);
    }),
  );
}
