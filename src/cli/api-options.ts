import type { Command } from 'commander';

/** The options of every command that talks to the API. */
export interface ApiOptions {
  apiUrl?: string;
  apiKey?: string;
  json?: boolean;
}

/** Adds `--api-url`, `--api-key` and `--json` to a command, and says in its help where else they come from. */
export function addApiOptions(command: Command): Command {
  return command
    .option('--api-url <url>', "the API's address (default: KNOCKON_API_URL, else the up.json of `knockon up`)")
    .option('--api-key <key>', 'a key of the workspace (default: KNOCKON_API_KEY, else the same up.json)')
    .option('--json', 'print JSON for programs instead of text for people');
}
