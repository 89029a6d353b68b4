import { closeSync, existsSync, openSync, realpathSync, writeSync } from 'node:fs';
import { type LogLine, SKIP_REASONS, type SkipReason } from '../chat-log/message.ts';
import type { Seen } from '../chat-log/unknown.ts';
import { CommandError, EXIT, type Terminal } from '../terminal/output.ts';
import type { ImportOptions } from './options.ts';

/** Tells of skipped lines. */
export interface Skipped {
  add(file: string, line: LogLine, reason: SkipReason, detail?: string): void;
  /** The first ones that were not understood. */
  seen(): (Seen & { reason: SkipReason })[];
  close(): void;
}

/**
 * @param log what is imported
 * @throws CommandError where the file for them can't be written, or is the log
 */
export function createSkipped(
  { showSkipped, skipped: path }: ImportOptions,
  terminal: Terminal,
  log: string,
): Skipped {
  const seen: (Seen & { reason: SkipReason })[] = [];
  const handle = path === undefined ? undefined : opened(path, log);
  return {
    add(file, { line, raw }, reason, detail) {
      if (showSkipped)
        terminal.err(`line ${line}: ${reason}: ${detail ?? JSON.stringify(raw.slice(0, 120))}`);
      if (handle !== undefined)
        writeSync(handle, `${JSON.stringify({ file, line, reason, detail, text: raw })}\n`);
      if (reason !== 'blank' && reason !== 'system' && seen.length < 3)
        seen.push({ number: line, text: raw.slice(0, 200), reason });
    },
    seen: () => seen,
    close: () => handle !== undefined && closeSync(handle),
  };
}

function opened(path: string, log: string): number {
  if (existsSync(path) && existsSync(log) && realpathSync(path) === realpathSync(log))
    throw new CommandError(`--skipped ${path} is the log itself: name another file.`, EXIT.usage);
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new CommandError(
      `--skipped ${path} can't be written: ${(error as Error).message}`,
      EXIT.usage,
    );
  }
}

/** What is told where every line was skipped. */
export function nothingRead(
  name: string,
  format: string | null,
  seen: ReturnType<Skipped['seen']>,
): string {
  const shown = seen.map(
    ({ number, text, reason }) =>
      `  line ${number}: ${JSON.stringify(text.slice(0, 100))}: ${SKIP_REASONS[reason]}`,
  );
  return [
    `Nothing of ${name === '-' ? 'stdin' : name} could be read${format ? `, taken for ${format}` : ''}.`,
    ...shown,
    ...(seen.length > 0
      ? [
          'Name another layout by --format, or its fields by --map. `knockon import --help` shows what is understood.',
        ]
      : ['It is empty.']),
  ].join('\n');
}
