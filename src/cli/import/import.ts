import type { Readable } from 'node:stream';
import ms from 'ms';
import { type Api, createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import { ChatLogError, readChatLog } from '../chat-log/read.ts';
import { CommandError, EXIT, type Terminal } from '../terminal/output.ts';
import { type Addressed, address } from './conversations.ts';
import type { ImportOptions } from './options.ts';
import { createProgress, type Progress } from './progress.ts';
import { emptyTally, importLines, type Tally, type Target } from './run.ts';
import { createSkipped, nothingRead, type Skipped } from './skipped.ts';
import { openSource, type Source, SourceError } from './source.ts';
import { type About, showSummary, summarise } from './summary.ts';

/** What an import is done with. */
export interface ImportContext {
  terminal: Terminal;
  signal: AbortSignal;
  stdin: Readable;
}

/** An import that is under way. */
interface Run extends ImportContext {
  options: ImportOptions;
  /** Null: nothing is posted. */
  api: Api | null;
  about: About;
  tally: Tally;
  targets: Map<string, Target>;
  skipped: Skipped;
  progress: Progress;
  /** It broke off, and the same command goes on from there. */
  canGoOn?: boolean;
}

/**
 * One import from start to summary. @returns the exit code @throws CommandError where it can't
 * begin
 */
export async function runImport(
  file: string,
  options: ImportOptions,
  context: ImportContext,
): Promise<number> {
  const began = performance.now();
  const source = await openSource(file, context.stdin, options.users);
  try {
    const parts = address(source.parts, options, context.terminal);
    const run = begin(source, file, parts.length, options, context);
    const exitCode = await importParts(parts, run);
    tell(run, performance.now() - began);
    return exitCode;
  } finally {
    source.close();
  }
}

function begin(
  source: Source,
  file: string,
  files: number,
  options: ImportOptions,
  context: ImportContext,
): Run {
  const { terminal, signal } = context;
  const { json, dryRun = false, patience } = options;
  const onWait = (reason: string) =>
    json || terminal.err(`${reason} Trying for ${ms(patience, { long: true })}.`);
  return {
    ...context,
    options,
    api: dryRun ? null : createApi(findApi(options), { patience, onWait, signal }),
    about: {
      file: source.name,
      files,
      format: null,
      channel: null,
      channels: [],
      unread: [],
      dry_run: dryRun,
    },
    tally: emptyTally(),
    targets: new Map(),
    skipped: createSkipped(options, terminal, file),
    progress: createProgress(json ? { ...terminal, live: false } : terminal, source),
  };
}

async function importParts(parts: Addressed[], run: Run): Promise<number> {
  const { about, tally, signal } = run;
  try {
    for (const part of parts) await importPart(part, parts.length > 1, run);
    if (!isNothing(tally)) return EXIT.done;
    about.error = nothingRead(about.file, about.format, run.skipped.seen());
    return EXIT.failed;
  } catch (error) {
    const isOfFile = error instanceof ChatLogError || error instanceof SourceError;
    if (isOfFile && tally.lines === 0) throw asCommandError(error);
    const isKnown = error instanceof CommandError || error instanceof ChatLogError;
    if (!signal.aborted && !isKnown) throw error;
    about.error = reasonOf(error, signal);
    about.broke_off = true;
    run.canGoOn = !isOfFile;
    if (signal.aborted) return EXIT.interrupted;
    return error instanceof CommandError ? error.exitCode : EXIT.failed;
  } finally {
    run.progress.stop();
    run.skipped.close();
    await run.api?.close();
  }
}

function reasonOf(error: unknown, { aborted }: AbortSignal): string {
  if (aborted) return 'interrupted';
  return error instanceof Error ? error.message : '';
}

const asCommandError = (error: Error): CommandError =>
  error instanceof CommandError ? error : new CommandError(error.message);

/** One of several files that is no log is told of, and the others are read. */
async function importPart(part: Addressed, isOneOfMany: boolean, run: Run): Promise<void> {
  const { options, about, tally, signal } = run;
  const { name, users, channel } = part;
  const onFormat = (format: string) => {
    about.format ??= format;
  };
  try {
    await importLines({
      api: run.api,
      channel,
      source: name,
      tally,
      signal,
      targets: run.targets,
      notify: options.notify,
      lines: readChatLog(part.open(), { ...options, name, users, onFormat }),
      onChannel: (made) => {
        about.channel ??= made;
        about.channels.push(made);
      },
      onLine: () => run.progress.advance(tally),
      onSkip: (line, reason, detail) => run.skipped.add(name, line, reason, detail),
    });
  } catch (error) {
    if (!(error instanceof ChatLogError && isOneOfMany)) throw error;
    about.unread.push({ file: name, why: error.message });
  }
}

/** A log in which only the channel itself did something has been read. */
function isNothing({ posted, already_there, skipped, reasons }: Tally): boolean {
  const understood = reasons.system ?? 0;
  return (
    posted + already_there === 0 &&
    (understood === 0 || skipped > understood + (reasons.blank ?? 0))
  );
}

function tell({ terminal, options, about, tally, canGoOn }: Run, elapsed: number): void {
  const summary = summarise(about, tally, elapsed);
  terminal.out(options.json ? JSON.stringify(summary) : showSummary(terminal, summary));
  if (!about.error || options.json) return;
  terminal.err(
    about.broke_off
      ? `Broke off after line ${tally.lines}: ${about.error}${canGoOn ? '\nRun the same command again to go on from there.' : ''}`
      : about.error,
  );
}
