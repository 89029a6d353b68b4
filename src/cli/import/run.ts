import { type Api, ApiProblem } from '../api/client.ts';
import type { Note } from '../chat-log/calendar.ts';
import type { ChatMessage, LogLine, SkipReason, SystemKind } from '../chat-log/message.ts';
import { Earlier, importedBefore, openChannel } from './channel.ts';
import { createIdentities, type Identity, idempotencyKey } from './identity.ts';
import { openMessageOf } from './open-messages.ts';

/**
 * What an import has done so far: `posted + already_there + skipped + continued = lines`. A record
 * of a JSON document counts as a line.
 */
export interface Tally {
  lines: number;
  posted: number;
  already_there: number;
  /** Lines that belong to the message before them. */
  continued: number;
  skipped: number;
  /** Skipped lines by reason. */
  reasons: Partial<Record<SkipReason, number>>;
  /** System lines by kind. */
  system: Partial<Record<SystemKind, number>>;
  /** Of the messages, those that were actions (`* nick waves`) and notices (`-bot- text`). */
  actions: number;
  notices: number;
  /** What was peculiar, how often, and where first. */
  notes: Partial<Record<Note, { count: number; file: string; line: number }>>;
}

export interface ImportJob {
  /** Null: nothing is posted, everything is counted. */
  api: Api | null;
  channel: string;
  /** The file's name without its folder; `-` for stdin. */
  source: string;
  lines: AsyncIterable<LogLine>;
  tally: Tally;
  /**
   * The channel that was opened last, by its name. One alone: the files of a conversation follow
   * each other.
   */
  targets: Map<string, Target>;
  /** Whether those who are mentioned get notifications and mails. */
  notify?: boolean;
  signal?: AbortSignal;
  onChannel?(channel: { id: string; name: string }): void;
  onLine?(line: LogLine): void;
  onSkip?(line: LogLine, reason: SkipReason, detail?: string): void;
}

export const emptyTally = (): Tally => ({
  lines: 0,
  posted: 0,
  already_there: 0,
  continued: 0,
  skipped: 0,
  reasons: {},
  system: {},
  actions: 0,
  notices: 0,
  notes: {},
});

/** A channel that is imported into, with what earlier imports have posted there. */
export interface Target {
  id: string;
  before: Earlier;
}

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
    note(job, line, line.notes ?? []);
    if ('skip' in line) skip(job, line, line.skip);
    else {
      // Only now: a file that can't be read must not leave an empty channel.
      if (job.api) target ??= await targetOf(job, job.api);
      await post(job, target, line, nameOf(line.message, line.line, line.foreign));
    }
    tally.lines += line.lines;
    job.onLine?.(line);
  }
}

async function targetOf(job: ImportJob, api: Api): Promise<Target> {
  const target = job.targets.get(job.channel) ?? (await openTarget(job, api));
  target.before.open.restart();
  return target;
}

async function openTarget(job: ImportJob, api: Api): Promise<Target> {
  const channel = await openChannel(api, job.channel);
  job.onChannel?.({ id: channel.id, name: channel.name });
  const target = {
    id: channel.id,
    before: channel.created ? new Earlier() : await importedBefore(api, channel.id),
  };
  job.targets.clear();
  job.targets.set(job.channel, target);
  return target;
}

type MessageLine = LogLine & { message: ChatMessage };

async function post(
  job: ImportJob,
  target: Target | undefined,
  line: MessageLine,
  identity: Identity,
): Promise<void> {
  const { tally } = job;
  const before = tally.already_there;
  if (target && isThere(job, target.before, line, identity)) tally.already_there += 1;
  else {
    const outcome = job.api && target ? await send(job, job.api, target, line, identity) : 'posted';
    if (typeof outcome === 'object') return skip(job, line, 'refused', outcome.refused);
    tally[outcome] += 1;
  }
  tally.continued += line.lines - 1;
  if (job.notify && tally.already_there > before) note(job, line, ['not_notified']);
  if (line.message.voice === 'action') tally.actions += 1;
  if (line.message.voice === 'notice') tally.notices += 1;
}

function isThere(
  job: ImportJob,
  { names, open }: Earlier,
  line: MessageLine,
  { name, bytes }: Identity,
): boolean {
  const isSame = names.has(name);
  const isOther = !isSame && bytes !== undefined && names.has(bytes);
  const hasGoneOn = open.hasGoneOn(line, isSame || isOther);
  if (isOther) note(job, line, ['other_encoding']);
  if (hasGoneOn) note(job, line, ['went_on']);
  return isSame || isOther || hasGoneOn;
}

const KEY_REUSED = 'urn:knockon:problem:idempotency-key-reused';

async function send(
  job: ImportJob,
  api: Api,
  target: Target,
  line: MessageLine,
  { name, bytes }: Identity,
): Promise<'posted' | 'already_there' | { refused: string }> {
  const { author, text, sent_at, metadata } = line.message;
  const open = openMessageOf(line);
  const origin = {
    ...{ id: name, ...(bytes && { bytes }), ...(open && { open }) },
    ...{ source: job.source, line: line.line },
  };
  const notify = job.notify === true;
  const body = { author, text, sent_at, notify, metadata: { ...metadata, import: origin } };
  try {
    const { replayed } = await api.send('POST', `/v1/channels/${target.id}/messages`, {
      body,
      idempotencyKey: idempotencyKey(target.id, name),
    });
    if (open) target.before.open.add(open);
    return replayed ? 'already_there' : 'posted';
  } catch (error) {
    // By an import that said --notify or not, or from another file of the same lines.
    if (error instanceof ApiProblem && error.type === KEY_REUSED) return 'already_there';
    if (error instanceof ApiProblem && [400, 413, 422].includes(error.status))
      return { refused: error.message };
    throw error;
  }
}

function note({ tally, source }: ImportJob, { line }: LogLine, notes: Note[]): void {
  for (const one of notes) {
    const first = tally.notes[one] ?? { count: 0, file: source, line };
    tally.notes[one] = { ...first, count: first.count + 1 };
  }
}

function skip(job: ImportJob, line: LogLine, reason: SkipReason, detail?: string): void {
  const { tally } = job;
  tally.skipped += line.lines;
  tally.reasons[reason] = (tally.reasons[reason] ?? 0) + line.lines;
  if ('system' in line && line.system)
    tally.system[line.system] = (tally.system[line.system] ?? 0) + 1;
  job.onSkip?.(line, reason, detail);
}
