import { type Api, ApiProblem } from '../api/client.ts';
import type { ChatMessage, SkipReason } from '../chat-log/message.ts';
import type { LogLine } from '../chat-log/read.ts';
import { importedBefore, openChannel } from './channel.ts';
import { createIdentities, idempotencyKey } from './identity.ts';

/** What an import has done so far: `posted + already_there + skipped = lines`. */
export interface Tally {
  lines: number;
  posted: number;
  already_there: number;
  skipped: number;
  /** Skipped lines by reason. */
  reasons: Partial<Record<SkipReason, number>>;
  /** Of the messages, those that were actions (`* nick waves`) and notices (`-bot- text`). */
  actions: number;
  notices: number;
}

export interface ImportJob {
  /** Null: nothing is posted, everything is counted. */
  api: Api | null;
  channel: string;
  /** The file's name without its folder; `-` for stdin. */
  source: string;
  lines: AsyncIterable<LogLine>;
  tally: Tally;
  signal?: AbortSignal;
  onChannel?(channel: { id: string; name: string }): void;
  onLine?(line: LogLine): void;
  onSkip?(line: LogLine, reason: SkipReason, detail?: string): void;
}

export const emptyTally = (): Tally => ({
  lines: 0,
  posted: 0,
  already_there: 0,
  skipped: 0,
  reasons: {},
  actions: 0,
  notices: 0,
});

/**
 * Posts the messages of a chat log into a channel, one after the other, so that their order there
 * is the order of the lines.
 *
 * Killed at any point and run again it goes on where it was: what has been posted is known by its
 * name (see identity.ts). The tally is kept up to date while it runs; it is right even where this
 * throws.
 */
export async function importLines(job: ImportJob): Promise<void> {
  const { tally } = job;
  const nameOf = createIdentities(job.source);
  let target: Target | undefined;
  for await (const line of job.lines) {
    job.signal?.throwIfAborted();
    if ('skip' in line) skip(job, line, line.skip);
    else {
      // Only now: a file that can't be read must not leave an empty channel.
      if (job.api) target ??= await openTarget(job, job.api);
      const name = nameOf(line.message, line.line);
      await post(job, target, line, name);
    }
    tally.lines += 1;
    job.onLine?.(line);
  }
}

interface Target {
  api: Api;
  id: string;
  before: Set<string>;
}

async function openTarget(job: ImportJob, api: Api): Promise<Target> {
  const channel = await openChannel(api, job.channel);
  job.onChannel?.({ id: channel.id, name: channel.name });
  return {
    api,
    id: channel.id,
    before: channel.created ? new Set() : await importedBefore(api, channel.id),
  };
}

type MessageLine = Extract<LogLine, { message: ChatMessage }>;

async function post(
  job: ImportJob,
  target: Target | undefined,
  line: MessageLine,
  name: string,
): Promise<void> {
  const { tally } = job;
  if (target?.before.has(name)) tally.already_there += 1;
  else {
    const outcome = target ? await send(job, target, line, name) : 'posted';
    if (typeof outcome === 'object') return skip(job, line, 'refused', outcome.refused);
    tally[outcome] += 1;
  }
  if (line.message.voice === 'action') tally.actions += 1;
  if (line.message.voice === 'notice') tally.notices += 1;
}

async function send(
  job: ImportJob,
  target: Target,
  line: MessageLine,
  name: string,
): Promise<'posted' | 'already_there' | { refused: string }> {
  const { author, text, sent_at, metadata } = line.message;
  const body = {
    author,
    text,
    sent_at,
    metadata: { ...metadata, import: { id: name, source: job.source, line: line.line } },
  };
  try {
    const path = `/v1/channels/${target.id}/messages`;
    const { replayed } = await target.api.send('POST', path, {
      body,
      idempotencyKey: idempotencyKey(target.id, name),
    });
    return replayed ? 'already_there' : 'posted';
  } catch (error) {
    if (error instanceof ApiProblem && [400, 413, 422].includes(error.status))
      return { refused: error.message };
    throw error;
  }
}

function skip(job: ImportJob, line: LogLine, reason: SkipReason, detail?: string): void {
  job.tally.skipped += 1;
  job.tally.reasons[reason] = (job.tally.reasons[reason] ?? 0) + 1;
  job.onSkip?.(line, reason, detail);
}
