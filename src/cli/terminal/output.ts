import { styleText } from 'node:util';
import { safeError } from '../../safe-error.ts';
import { marked, visible } from './visible.ts';

/** Where a command writes. Commands get it as an argument, so that tests can read what they say. */
export interface Terminal {
  /** Answers: stdout. */
  out(text: string): void;
  /** The same without a line end, for what grows on a line. */
  write(text: string): void;
  /** Errors, notices and progress: stderr. */
  err(text: string): void;
  /** Colours and live lines are for people only. */
  colours: boolean;
  /** Whether stderr is a terminal: progress bars are drawn there. */
  live: boolean;
}

/** Exit codes of the commands, as their help says them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  interrupted: 130,
  terminated: 143,
} as const;

/** An error that is told without a stack: what was wrong, where, and what to do. */
export class CommandError extends Error {
  override name = 'CommandError';
  readonly exitCode: number;

  /** @param exitCode one of EXIT (default 1) */
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * The process' own terminal. Colours need a TTY and no NO_COLOR. What else a terminal would obey is
 * shown instead.
 */
export function processTerminal(): Terminal {
  endWithReader();
  const colours = process.stdout.isTTY === true && !process.env.NO_COLOR;
  return {
    // What `write` answers is nobody's result, and would become an exit code.
    out: (text) => void process.stdout.write(`${visible(text)}\n`),
    write: (text) => void process.stdout.write(visible(text)),
    err: (text) => void process.stderr.write(`${visible(text)}\n`),
    colours,
    live: process.stderr.isTTY === true,
  };
}

/** Ends quietly when the reader closes the pipe, as in `knockon --help | head`. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    if (!stream.listeners('error').includes(endQuietly)) stream.on('error', endQuietly);
}

let whenReaderLeaves: () => void = () => process.exit(process.exitCode ?? EXIT.done);

/** What else a command does when nobody reads any more, once or more often. */
export function onReaderLeaving(act: () => void): void {
  whenReaderLeaves = act;
}

function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  whenReaderLeaves();
}

/**
 * Ctrl-C ends a command that waits or watches: at once, with the cursor where it was. What the API
 * has begun goes on.
 *
 * @param cleanUp is waited for; a second Ctrl-C does not
 */
export function endOnInterrupt(cleanUp = async () => {}): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    if (interrupted[signal]) process.off(signal, interrupted[signal]);
    interrupted[signal] = () => {
      if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR);
      const end = () => process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
      process.once(signal, end);
      void cleanUp().then(end, end);
    };
    process.once(signal, interrupted[signal]);
  }
}

/** What listens now. */
const interrupted: { SIGINT?: () => void; SIGTERM?: () => void } = {};

const SHOW_CURSOR = '\u001b[?25h\n';

/** A notice on stderr, for people in yellow. */
export const warn = (terminal: Terminal, text: string): void =>
  terminal.err(terminal.live && !process.env.NO_COLOR ? inStyle('yellow', text) : text);

type Style = Parameters<typeof styleText>[0];

/** The text in a style where the terminal shows colours, else as it is. */
export function styled(terminal: Terminal, style: Style, text: string): string {
  return terminal.colours ? inStyle(style, text) : text;
}

/**
 * Marked before the text is within: codes of its own are nobody's style. Whether colours are wanted
 * has been asked.
 */
function inStyle(style: Style, text: string): string {
  const [begin = '', end = ''] = marked(styleText(style, '\0', { validateStream: false })).split(
    '\0',
  );
  return `${begin}${text}${end}`;
}

/** Milliseconds as people say them: `38 ms`, `4.2 s`, `3 min 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/**
 * Whether programs read what is said. Asked of the words that were typed: where those are wrong
 * there are no options.
 */
export const wantsJson = (words = process.argv): boolean => words.includes('--json');

/**
 * What is told of an error that nobody foresaw: where it happened, and nothing of the values it is
 * about.
 */
export function unforeseen(error: unknown): string {
  const { name, message, stack } = safeError(error);
  return [`This should not happen: ${name}: ${message}`, stack].filter(Boolean).join('\n');
}

/**
 * From now on an error that nobody caught is told so, and ends the process. Node itself would print
 * all that is in it.
 */
export function tellUnforeseen(): void {
  for (const event of ['uncaughtException', 'unhandledRejection'])
    process.on(event, (error: unknown) => {
      processTerminal().err(unforeseen(error));
      process.exit(EXIT.failed);
    });
}

/**
 * Wraps a command's action: an error becomes a message on stderr and the exit code; with `--json`
 * the message is JSON. Only an error nobody foresaw is shown with its stack.
 */
export function reported<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (error) {
      const known = error instanceof CommandError;
      const message = known ? error.message : unforeseen(error);
      processTerminal().err(wantsJson() ? JSON.stringify({ error: message }) : message);
      process.exitCode = known ? error.exitCode : EXIT.failed;
    }
  };
}
