import { SingleBar } from 'cli-progress';
import type { Terminal } from '../terminal/output.ts';
import type { Tally } from './run.ts';

/** A bar that fills as the file is read. */
export interface Progress {
  advance(tally: Tally): void;
  stop(): void;
}

/**
 * A progress bar on stderr, with the time left; for stdin, whose length nobody knows, only counts.
 * Draws nothing where stderr is no terminal.
 *
 * @param source `size` in bytes, undefined for stdin; `read()` of them so far
 */
export function createProgress(
  terminal: Terminal,
  source: { size?: number; read(): number },
): Progress {
  if (!terminal.live) return { advance: () => {}, stop: () => {} };
  const counts = '{posted} posted, {there} already there, {skipped} skipped';
  const format =
    source.size === undefined ? counts : `{bar} {percentage}%  ${counts}  {eta_formatted} left`;
  const bar = new SingleBar({
    format,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 200,
    fps: 10,
  });
  bar.start(source.size ?? 0, 0, { posted: 0, there: 0, skipped: 0 });
  return {
    advance: ({ posted, already_there, skipped }) =>
      bar.update(Math.min(source.read(), source.size ?? Number.POSITIVE_INFINITY), {
        posted,
        there: already_there,
        skipped,
      }),
    stop: () => bar.stop(),
  };
}
