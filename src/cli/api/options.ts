import type { Command } from 'commander';

/** The options of every command that talks to the API. */
export interface ApiOptions {
  apiUrl?: string;
  apiKey?: string;
  json?: boolean;
}

/**
 * Adds `--api-url`, `--api-key` and `--json` to a command that a workspace's key is for, and says
 * in its help where else they come from.
 */
export const addApiOptions = (command: Command): Command =>
  addOptions(command, 'a key of the workspace (default: KNOCKON_API_KEY, else the same up.json)');

/** @param key whose key, and where else it comes from */
export function addOptions(command: Command, key: string): Command {
  return command
    .option(
      '--api-url <url>',
      "the API's address (default: KNOCKON_API_URL, else the up.json of `knockon up`)",
    )
    .option('--api-key <key>', key)
    .option('--json', 'print JSON for programs instead of text for people');
}
