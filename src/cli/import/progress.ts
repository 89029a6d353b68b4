import { SingleBar } from 'cli-progress';
import type { LogLine } from '../chat-log/read.ts';
import type { Terminal } from '../terminal/output.ts';
import type { Tally } from './run.ts';

/** A bar that fills as the file is read. */
export interface Progress {
  advance(line: LogLine, tally: Tally): void;
  stop(): void;
}

/**
 * A progress bar on stderr, with the time left; for stdin, whose length nobody knows, only counts.
 * Draws nothing where stderr is no terminal.
 *
 * @param totalBytes the file's size, undefined for stdin
 */
export function createProgress(terminal: Terminal, totalBytes: number | undefined): Progress {
  if (!terminal.live) return { advance: () => {}, stop: () => {} };
  const counts = '{posted} posted, {there} already there, {skipped} skipped';
  const format =
    totalBytes === undefined ? counts : `{bar} {percentage}%  ${counts}  {eta_formatted} left`;
  const bar = new SingleBar({
    format,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 200,
    fps: 10,
  });
  bar.start(totalBytes ?? 0, 0, { posted: 0, there: 0, skipped: 0 });
  let read = 0;
  return {
    advance: ({ raw }, { posted, already_there, skipped }) => {
      read += Buffer.byteLength(raw) + 1;
      bar.update(totalBytes === undefined ? read : Math.min(read, totalBytes), {
        posted,
        there: already_there,
        skipped,
      });
    },
    stop: () => bar.stop(),
  };
}
