import type { Command } from 'commander';
import type { KeyEntry } from '../../ops/access/keys.ts';
import { counted } from '../../ops/wording.ts';
import { collect } from '../api/client.ts';
import { workspaceId } from '../api/workspace.ts';
import { idsFrom } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { oneLine } from '../terminal/visible.ts';
import {
  addYes,
  confirm,
  defaultVerb,
  limitOption,
  OPS_EXIT_CODES,
  type Ops,
  type OpsOptions,
  operates,
} from './ops.ts';

const MORE = `
Examples:
  $ knockon keys --workspace Acme
  $ KEY=$(knockon keys create --workspace Acme --name "billing service")
  $ knockon keys revoke 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70
  $ knockon keys revoke --workspace Acme --all --reason "a script of theirs floods us"
  $ knockon keys --json | jq -r '.[] | [.workspace_name, .prefix, .created_at] | @tsv'

${OPS_EXIT_CODES}`;

interface ListOptions extends OpsOptions {
  workspace?: string;
  limit: number;
}

export function keysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .summary("show customers' keys; make one, or take some away")
    .description(
      'Shows the keys of workspaces, without their secrets; makes one, or takes some away.',
    )
    .addHelpText('after', MORE);
  const list = defaultVerb(keys, 'list', 'list keys, newest first')
    .option('--workspace <name>', "only this workspace's: its name or id")
    .addOption(limitOption('keys', 50));
  operates(list, listKeys);
  const create = keys
    .command('create')
    .description('make a key for a workspace, and print it this once')
    .requiredOption('--workspace <name>', "whose it is: the workspace's name or id")
    .option('--name <name>', 'what it is for', 'unnamed')
    .addHelpText('after', `\n${OPS_EXIT_CODES}`);
  operates(create, createKey);
  const revoke = keys
    .command('revoke')
    .description(
      'take keys away for good: they are answered 401, here at once and by every API within ' +
        'three seconds',
    )
    .argument(
      '[ids...]',
      "keys' ids, as `knockon keys` shows them",
      idsFrom('`knockon keys` shows keys, each with its id.'),
    )
    .option('--workspace <name>', 'with --all: all keys of this workspace, its last one too')
    .option('--all', 'all of the workspace')
    .option('-r, --reason <why>', 'why, for the action log')
    .addHelpText('after', `\n${OPS_EXIT_CODES}`);
  addYes(operates(revoke, revokeKeys));
}

async function listKeys({ api, terminal, options }: Ops<ListOptions>): Promise<void> {
  const { workspace, limit, json } = options;
  const query = workspace === undefined ? '' : `?workspace_id=${await workspaceId(api, workspace)}`;
  const found = await collect(api.list<KeyEntry>(`/v1/ops/keys${query}`), limit);
  if (json) return terminal.out(JSON.stringify(found));
  if (found.length === 0) return terminal.out('There is no key.');
  const rows = found.map((k) => [k.workspace_name, k.name, k.prefix, k.created_at, k.id]);
  terminal.out(table(terminal, ['workspace', 'name', 'begins with', 'made', 'id'], rows));
}

async function createKey({
  api,
  terminal,
  options,
}: Ops<OpsOptions & { workspace: string; name: string }>): Promise<void> {
  const workspace_id = await workspaceId(api, options.workspace);
  const { body } = await api.send<KeyEntry & { api_key: string }>('POST', '/v1/ops/keys', {
    body: { workspace_id, name: options.name },
  });
  if (options.json) return terminal.out(JSON.stringify(body));
  terminal.err(`A key of ${oneLine(body.workspace_name)} (${body.id}). It is shown this once:`);
  terminal.out(body.api_key);
}

interface RevokeOptions extends OpsOptions {
  workspace?: string;
  all?: boolean;
  reason?: string;
}

async function revokeKeys(ops: Ops<RevokeOptions>, ids: string[]): Promise<number> {
  const { api, terminal, options } = ops;
  const which = await chosen(ops, ids);
  await confirm(
    ops,
    'ids' in which
      ? `Take away ${counted(ids.length, 'key')} for good?`
      : `Take away all keys of ${options.workspace} for good?`,
  );
  const { body } = await api.send<{ revoked: KeyEntry[] }>('POST', '/v1/ops/keys/revoke', {
    body: { ...which, reason: options.reason },
  });
  const { revoked } = body;
  terminal.out(
    options.json
      ? JSON.stringify(body)
      : `Revoked: ${counted(revoked.length, 'key')}${ofWhom(revoked)}.`,
  );
  const missing = ids.filter((id) => !revoked.some((key) => key.id === id));
  if (missing.length > 0)
    throw new CommandError(
      `There is no such key: ${missing.join(', ')}. \`knockon keys\` shows those that there are.`,
    );
  return EXIT.done;
}

/** Ids, or all of a workspace: never a whole workspace's by accident. @throws CommandError */
async function chosen(
  { api, options: { workspace, all } }: Ops<RevokeOptions>,
  ids: string[],
): Promise<{ ids: string[] } | { workspace_id: string }> {
  if (ids.length > 0 && (workspace !== undefined || all))
    throw new CommandError('Give ids, or --workspace with --all; not both.', EXIT.usage);
  if (ids.length > 0) return { ids };
  if (workspace === undefined || !all)
    throw new CommandError('Which ones? Give ids, or --workspace NAME --all.', EXIT.usage);
  return { workspace_id: await workspaceId(api, workspace) };
}

const ofWhom = (keys: KeyEntry[]): string => {
  const names = [...new Set(keys.map((key) => key.workspace_name))];
  return names.length > 0 ? ` of ${oneLine(names.join(', '))}` : '';
};
