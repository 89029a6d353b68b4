import type { Command } from 'commander';
import { closest } from 'fastest-levenshtein';
import type { Cause } from '../../ops/inspect/dead-letters.ts';
import { workspaceId } from '../api/workspace.ts';
import { idFrom, parsePastTime } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import type { Ops, OpsOptions } from './ops.ts';

/** Which dead letters: the options of every command that is about some of them. */
export interface DeadLetterOptions extends OpsOptions {
  subscriber?: string;
  cause?: string;
  from?: string;
  to?: string;
  type?: string;
  workspace?: string;
  message?: string;
  all?: boolean;
  reason?: string;
  perSecond?: string;
  detach?: boolean;
}

/** Adds the options that narrow dead letters down. */
export function addDeadLetterOptions(command: Command): Command {
  return command
    .option('-s, --subscriber <name>', 'only of this subscriber')
    .option(
      '-c, --cause <cause>',
      'only with exactly this cause; `knockon failed --causes` lists them',
    )
    .option(
      '--from <when>',
      'given up at that moment or later: 2024-01-15T12:00:00Z, or 2h for two hours ago',
    )
    .option('--to <when>', 'given up before that moment')
    .option('--type <type>', 'only of events of this type')
    .option('--workspace <name>', "only of this workspace's events: its name or id")
    .option('--message <id>', 'only of this message', idFrom('`knockon failed` shows messages.'));
}

/**
 * The filter as the API takes it. A name that nothing has is told with the nearest. @throws
 * CommandError
 */
export async function filterOf({
  api,
  options,
}: Pick<Ops<DeadLetterOptions>, 'api' | 'options'>): Promise<Record<string, string>> {
  const { subscriber, cause, from, to, type, workspace, message } = options;
  const moments = {
    from: from === undefined ? undefined : parsePastTime('--from', from),
    to: to === undefined ? undefined : parsePastTime('--to', to),
  };
  // Answers with the nearest name where there is none of that name.
  if (subscriber !== undefined)
    await api.get(`/v1/ops/subscribers/${encodeURIComponent(subscriber)}`);
  const workspace_id = workspace === undefined ? undefined : await workspaceId(api, workspace);
  if (cause !== undefined) await expectCause({ api }, cause, subscriber);
  const given = { subscriber, cause, type, workspace_id, message_id: message, ...moments };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Where nothing was given up there is nothing to be mistaken about. @throws CommandError */
async function expectCause(
  { api }: Pick<Ops, 'api'>,
  cause: string,
  subscriber: string | undefined,
): Promise<void> {
  const query = subscriber === undefined ? '' : `?${new URLSearchParams({ subscriber })}`;
  const path = `/v1/ops/dead_letters/causes${query}`;
  const { data } = await api.get<{ data: Cause[] }>(path);
  const causes = [...new Set(data.map((one) => one.cause))];
  if (causes.length === 0 || causes.includes(cause)) return;
  throw new CommandError(
    `No dead letter has the cause ${JSON.stringify(cause)}; did you mean ` +
      `${JSON.stringify(closest(cause, causes))}? \`knockon failed --causes\` lists them.`,
  );
}

/** Ids, a filter, or `--all`: never everything by accident. @throws CommandError */
export async function chosenDeadLetters(
  ids: string[],
  { api, options }: Pick<Ops<DeadLetterOptions>, 'api' | 'options'>,
): Promise<{ ids: string[] } | { filter: Record<string, string> }> {
  const { subscriber, cause, from, to, type, workspace, message, all } = options;
  const isNarrow = [subscriber, cause, from, to, type, workspace, message].some(
    (given) => given !== undefined,
  );
  if (ids.length > 0 && (isNarrow || all))
    throw new CommandError('Give ids or a filter, not both.', EXIT.usage);
  if (ids.length > 0) return { ids };
  if (!isNarrow && !all) {
    throw new CommandError(
      'Which ones? Give ids, narrow them down (such as --subscriber webhooks --cause "HTTP ' +
        '500"), or say --all.',
      EXIT.usage,
    );
  }
  return { filter: await filterOf({ api, options }) };
}

/** `--per-second` as a number. @throws CommandError */
export function paceOf({ perSecond }: { perSecond?: string }): { per_second?: number } {
  if (perSecond === undefined) return {};
  const pace = Number(perSecond);
  if (!(pace > 0 && Number.isFinite(pace)))
    throw new CommandError(
      `--per-second ${JSON.stringify(perSecond)} must be a number above 0`,
      EXIT.usage,
    );
  return { per_second: pace };
}
