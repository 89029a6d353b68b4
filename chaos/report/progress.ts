import type { Journal } from '../traffic/journal.ts';

/** Lines on stderr, each with the time since the beginning. */
export class Progress {
  readonly #began = Date.now();
  #timer: NodeJS.Timeout | undefined;

  readonly tell = (line: string): void => {
    const seconds = Math.floor((Date.now() - this.#began) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    process.stderr.write(`${clock.padStart(5)}  ${line}\n`);
  };

  /** Says every 5 s how far the writers are. */
  watch(journal: Journal): void {
    this.#timer = setInterval(() => this.tell(written(journal)), 5000);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const written = ({ messages, edits, deletions }: Journal) =>
  `        ${messages.length} messages accepted, ${edits} edits, ${deletions} deletions`;
