import type { Command } from 'commander';
import { momentIn } from './moment.ts';
import type { OpsOptions } from './ops.ts';
import { CommandError, EXIT } from './output.ts';

/** Which dead letters: the options of every command that is about some of them. */
export interface LetterOptions extends OpsOptions {
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
export function addLetterOptions(command: Command): Command {
  return command
    .option('-s, --subscriber <name>', 'only of this subscriber')
    .option('-c, --cause <cause>', 'only with exactly this cause; `knockon failed --causes` lists them')
    .option('--from <when>', 'given up at that moment or later: 2024-01-15T12:00:00Z, or 2h for two hours ago')
    .option('--to <when>', 'given up before that moment')
    .option('--type <type>', 'only of events of this type')
    .option('--workspace <id>', "only of this workspace's events")
    .option('--message <id>', 'only of this message');
}

/** The filter as the API takes it. @throws CommandError */
export function filterOf({ subscriber, cause, from, to, type, workspace, message }: LetterOptions): Record<string, string> {
  const given = {
    ...{ subscriber, cause, type, workspace_id: workspace, message_id: message },
    from: from === undefined ? undefined : momentIn('--from', from),
    to: to === undefined ? undefined : momentIn('--to', to),
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Ids, a filter, or `--all`: never everything by accident. @throws CommandError */
export function chosenLetters(ids: string[], options: LetterOptions): { ids: string[] } | { filter: Record<string, string> } {
  const filter = filterOf(options);
  if (ids.length > 0) {
    if (Object.keys(filter).length > 0 || options.all) throw new CommandError('Give ids or a filter, not both.', EXIT.usage);
    return { ids };
  }
  if (Object.keys(filter).length === 0 && !options.all) {
    throw new CommandError(
      'Which ones? Give ids, narrow them down (such as --subscriber webhooks --cause "HTTP 500"), or say --all.',
      EXIT.usage,
    );
  }
  return { filter };
}

/** `--per-second` as a number. @throws CommandError */
export function paceOf({ perSecond }: { perSecond?: string }): { per_second?: number } {
  if (perSecond === undefined) return {};
  const pace = Number(perSecond);
  if (!(pace > 0)) throw new CommandError(`--per-second ${JSON.stringify(perSecond)} wants a number above 0`, EXIT.usage);
  return { per_second: pace };
}
