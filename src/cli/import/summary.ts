import { counted } from '../../ops/operations/counted.ts';
import { SKIP_REASONS, type SkipReason } from '../chat-log/message.ts';
import type { Format } from '../chat-log/read.ts';
import { duration, styled, type Terminal } from '../terminal/output.ts';
import type { Tally } from './run.ts';

/** What `--json` prints. */
export interface Summary extends Omit<Tally, 'skipped' | 'reasons'> {
  file: string;
  format: Format | null;
  /** Null where there was no message to post, and with `--dry-run`. */
  channel: { id: string; name: string } | null;
  dry_run: boolean;
  /** False where the import broke off; `error` says why. */
  finished: boolean;
  error?: string;
  skipped: { total: number; reasons: Partial<Record<SkipReason, number>> };
  seconds: number;
  messages_per_second: number;
}

/** The summary of a tally after so many milliseconds. */
export function summarise(
  about: Pick<Summary, 'file' | 'format' | 'channel' | 'dry_run' | 'error'>,
  tally: Tally,
  elapsed: number,
): Summary {
  const { skipped, reasons, ...counts } = tally;
  const seconds = Math.round(elapsed) / 1000;
  const messages_per_second = elapsed > 0 ? Math.round((tally.posted * 1000) / elapsed) : 0;
  return {
    ...about,
    finished: about.error === undefined,
    ...counts,
    skipped: { total: skipped, reasons },
    seconds,
    messages_per_second,
  };
}

/** The summary for people. */
export function showSummary(terminal: Terminal, summary: Summary): string {
  const { lines, posted, already_there, skipped, actions, notices, dry_run } = summary;
  const row = (count: number, text: string) => `${String(count).padStart(9)}  ${text}`;
  const voices = [actions && counted(actions, 'action'), notices && counted(notices, 'notice')]
    .filter(Boolean)
    .join(', ');
  const where = summary.channel ? ` into ${summary.channel.name} (${summary.channel.id})` : '';
  const rate = dry_run || posted === 0 ? '' : `, ${summary.messages_per_second} messages/s`;
  const reasons = Object.entries(skipped.reasons) as [SkipReason, number][];
  const what = dry_run ? 'would be posted (dry run: nothing was)' : 'posted';
  return [
    styled(
      terminal,
      'bold',
      `${summary.file === '-' ? 'stdin' : summary.file}${where}: ${counted(lines, 'line')} in ` +
        `${duration(summary.seconds * 1000)}${rate}`,
    ),
    row(posted, `${what}${voices && already_there === 0 ? `, of them ${voices}` : ''}`),
    ...(dry_run ? [] : [row(already_there, 'already there')]),
    row(skipped.total, 'skipped'),
    ...reasons
      .sort((a, b) => b[1] - a[1])
      .map(([reason, count]) => `${row(count, '')}  ${reason}: ${SKIP_REASONS[reason]}`),
  ].join('\n');
}
