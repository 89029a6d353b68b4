import { counted } from '../../ops/wording.ts';
import type { Note } from '../chat-log/calendar.ts';
import { SKIP_REASONS, type SkipReason, type SystemKind } from '../chat-log/message.ts';
import type { Format } from '../chat-log/read.ts';
import { duration, styled, type Terminal } from '../terminal/output.ts';
import type { Tally } from './run.ts';

export interface Channel {
  id: string;
  name: string;
}

/** What is known of an import beside its counts. */
export interface About {
  file: string;
  /** Files read: of a folder or a zip several. */
  files: number;
  /** Of the first file. */
  format: Format | null;
  /** The first channel; null where there was no message to post, and with `--dry-run`. */
  channel: Channel | null;
  /** Every channel that was posted to. */
  channels: Channel[];
  /** Files of a folder or a zip that are no chat logs. */
  unread: { file: string; why: string }[];
  dry_run: boolean;
  /** Why it did not come to its end, or read nothing. */
  error?: string;
  broke_off?: boolean;
}

/** What `--json` prints. */
export interface Summary extends Omit<Tally, 'skipped' | 'reasons' | 'system'>, About {
  /** False where the import broke off; `error` says why. */
  finished: boolean;
  skipped: {
    total: number;
    reasons: Partial<Record<SkipReason, number>>;
    system: Partial<Record<SystemKind, number>>;
  };
  seconds: number;
  messages_per_second: number;
}

/** The summary of a tally after so many milliseconds. */
export function summarise(about: About, tally: Tally, elapsed: number): Summary {
  const { skipped, reasons, system, ...counts } = tally;
  const seconds = Math.round(elapsed) / 1000;
  const messages_per_second = elapsed > 0 ? Math.round((tally.posted * 1000) / elapsed) : 0;
  return {
    ...about,
    finished: about.error === undefined,
    ...counts,
    skipped: { total: skipped, reasons, system },
    seconds,
    messages_per_second,
  };
}

/** The summary for people. */
export function showSummary(terminal: Terminal, summary: Summary): string {
  const { posted, already_there, continued, skipped, actions, notices, dry_run } = summary;
  const voices = [actions && counted(actions, 'action'), notices && counted(notices, 'notice')]
    .filter(Boolean)
    .join(', ');
  const what = dry_run ? 'would be posted (dry run: nothing was)' : 'posted';
  return [
    styled(terminal, 'bold', headline(summary)),
    row(posted, `${what}${voices && already_there === 0 ? `, of them ${voices}` : ''}`),
    ...(dry_run ? [] : [row(already_there, 'already there')]),
    ...(continued > 0 ? [row(continued, 'lines that belong to the message before them')] : []),
    row(skipped.total, 'skipped'),
    ...reasonRows(skipped),
    ...noteRows(summary),
    ...summary.unread.map(({ file, why }) => `not read: ${file}: ${why.split('\n')[0]}`),
  ].join('\n');
}

function headline(summary: Summary): string {
  const { file, files, format, channels, lines, posted, dry_run, seconds } = summary;
  const name = file === '-' ? 'stdin' : file;
  const [only, ...others] = channels;
  const where =
    only && (others.length > 0 ? `${channels.length} channels` : `${only.name} (${only.id})`);
  const rate = dry_run || posted === 0 ? '' : `, ${summary.messages_per_second} messages/s`;
  const what = [format, files > 1 && `${files} files`].filter(Boolean).join(', ');
  return (
    `${name}${what && ` (${what})`}${where ? ` into ${where}` : ''}: ${counted(lines, 'line')} in ` +
    `${duration(seconds * 1000)}${rate}`
  );
}

const row = (count: number, text: string) => `${String(count).padStart(9)}  ${text}`;

function reasonRows({ reasons, system }: Summary['skipped']): string[] {
  const most = <T>(counts: Partial<Record<string, T>>) =>
    (Object.entries(counts) as [string, number][]).sort((a, b) => b[1] - a[1]);
  const kinds = most(system).map(([kind, count]) => `${count} ${kind}`);
  return most(reasons).map(([reason, count]) => {
    const told = SKIP_REASONS[reason as SkipReason];
    return `${row(count, '')}  ${reason}: ${told}${reason === 'system' ? `: ${kinds.join(', ')}` : ''}`;
  });
}

const NOTES: Record<Note, string> = {
  clock_back: 'times the clock goes back: it was set back, or earlier lines were played back',
  time_skipped: 'times that the clocks of the zone skipped: read as if they had not',
  time_twice: 'times that came twice when clocks were set back: told apart by their order',
  fallback_encoding:
    'messages or lines in another encoding than UTF-8, which was guessed (--encoding)',
  day_unread: "marks of a day that can't be read: a day is the next one, a session's is unknown",
  not_notified: 'already there: nobody is notified of them, whatever --notify says',
  went_on: 'already there, and went on in the log since: they stay as they were',
  other_encoding: 'already there, read in another encoding: they stay as they were',
};

function noteRows({ notes, files }: Summary): string[] {
  return (Object.keys(NOTES) as Note[]).flatMap((note) => {
    const told = notes[note];
    if (!told) return [];
    const where = `${files > 1 ? `${told.file} ` : ''}line ${told.line}`;
    return [`note: ${told.count} ${NOTES[note]} (first: ${where})`];
  });
}
