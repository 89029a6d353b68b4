import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import ms, { type StringValue } from 'ms';
import { createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import { type ApiOptions, addApiOptions } from '../api/options.ts';
import { moment } from '../chat-log/clock.ts';
import { ChatLogError, FORMATS, type Format, readChatLog } from '../chat-log/read.ts';
import {
  CommandError,
  EXIT,
  processTerminal,
  reported,
  type Terminal,
} from '../terminal/output.ts';
import { createProgress } from './progress.ts';
import { emptyTally, importLines } from './run.ts';
import { type Summary, showSummary, summarise } from './summary.ts';

export interface ImportOptions extends ApiOptions {
  channel: string;
  format?: Format;
  date?: string;
  encoding?: string;
  /** Milliseconds. */
  patience: number;
  showSkipped?: boolean;
  dryRun?: boolean;
}

const MORE = `
Layouts, recognized from the file:
  irc        [hh:mm] <nick> text                      the day from the file's name or --date
  irc-dated  channel yyyy-mm-dd [hh:mm:ss] <nick> text
  jsonl      {"author": "ada", "text": "Hello", "sent_at": "2024-01-15T12:00:00Z", "metadata": {}}

Times without an offset are UTC. Actions (* nick waves) and notices (-bot- text) become messages,
and their metadata says so. System lines (=== nick has joined) are skipped and counted. A JSON
line may have "timestamp" instead of "sent_at".

Run it again as often as you like. It never posts a message twice, even if the message has been
deleted since. After a kill it continues where it was. If the log has grown, it adds the new lines.

Examples:
  $ knockon import ubuntu-2009-02-23_10.txt --channel ubuntu
  $ zcat chat.log.gz | knockon import - --channel ubuntu --date 2009-02-23
  $ knockon import export.jsonl --channel support --dry-run --show-skipped

Exit codes: 0 every line was read; 1 it broke off (run it again to go on); 2 wrong arguments or not
a chat log; 130 interrupted.`;

export function importCommand(program: Command): void {
  const command = program
    .command('import')
    .summary('post the messages of a chat log into a channel')
    .description(
      'Posts the messages of a chat log into a channel, in the order of their lines. The channel ' +
        'is made if there is none.',
    )
    .argument('<file>', 'the log; - reads from stdin')
    .requiredOption('--channel <name>', "the channel's name")
    .addOption(
      new Option(
        '--format <layout>',
        'layout of the lines (default: found out from the file)',
      ).choices(FORMATS),
    )
    .option(
      '--date <yyyy-mm-dd>',
      "day of the first line, for logs without dates (default: the one in the file's name)",
      readDate,
    )
    .option(
      '--encoding <label>',
      'such as latin1 (default: utf-8, or what a byte order mark says)',
      readEncoding,
    )
    .addOption(
      new Option('--patience <duration>', 'how long to wait for an API that is away or overloaded')
        .default(ms('2m'), '2m')
        .argParser(readDuration),
    )
    .option('--show-skipped', 'name every skipped line on stderr')
    .option('--dry-run', 'read and count, post nothing; needs no API')
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (file: string, options: ImportOptions) => {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      process.once('SIGTERM', () => interrupted.abort());
      const chunks = file === '-' ? process.stdin : openLog(file);
      process.exitCode = await runImport(
        file,
        addAbortSignal(interrupted.signal, chunks),
        options,
        processTerminal(),
        interrupted.signal,
      );
    }),
  );
}

/**
 * One import from start to summary. @returns the exit code @throws CommandError where it can't
 * begin
 */
export async function runImport(
  file: string,
  chunks: Readable,
  options: ImportOptions,
  terminal: Terminal,
  signal: AbortSignal,
) {
  const began = performance.now();
  const tally = emptyTally();
  const source = basename(file);
  const about: Pick<Summary, 'file' | 'format' | 'channel' | 'dry_run' | 'error'> = {
    file: source,
    format: null,
    channel: null,
    dry_run: options.dryRun === true,
  };
  const progress = createProgress(
    options.json ? { ...terminal, live: false } : terminal,
    file === '-' ? undefined : statSync(file).size,
  );
  const onWait = (reason: string) =>
    options.json || terminal.err(`${reason} Trying for ${ms(options.patience, { long: true })}.`);
  const api = options.dryRun
    ? null
    : createApi(findApi(options), { patience: options.patience, onWait, signal });
  const lines = readChatLog(chunks, {
    ...options,
    name: source,
    onFormat: (format) => Object.assign(about, { format }),
  });
  const given = { api, channel: options.channel, source, lines, tally, signal };
  let exitCode: number = EXIT.done;
  try {
    await importLines({
      ...given,
      onChannel: (channel) => Object.assign(about, { channel }),
      onLine: (line) => progress.advance(line, tally),
      onSkip: ({ line, raw }, reason, detail) =>
        options.showSkipped &&
        terminal.err(`line ${line}: ${reason}: ${detail ?? JSON.stringify(raw.slice(0, 120))}`),
    });
  } catch (error) {
    if (error instanceof ChatLogError) throw new CommandError(error.message, EXIT.usage);
    if (!signal.aborted && !(error instanceof CommandError)) throw error;
    about.error = signal.aborted ? 'interrupted' : (error as CommandError).message;
    exitCode = signal.aborted ? EXIT.interrupted : (error as CommandError).exitCode;
  } finally {
    progress.stop();
    await api?.close();
  }
  const summary = summarise(about, tally, performance.now() - began);
  terminal.out(options.json ? JSON.stringify(summary) : showSummary(terminal, summary));
  if (about.error && !options.json)
    terminal.err(
      `Broke off after line ${tally.lines}: ${about.error}\nRun the same command again to go ` +
        'on from there.',
    );
  return exitCode;
}

function openLog(file: string): Readable {
  try {
    if (statSync(file).isDirectory())
      throw new CommandError(`${file} is a folder; a chat log is a file.`, EXIT.usage);
    return createReadStream(file);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `${file} can't be read: ${error instanceof Error ? error.message : error}`,
      EXIT.usage,
    );
  }
}

function readDate(text: string): string {
  if (moment(text, 0, 0, 0)) return text;
  throw new InvalidArgumentError('It must be a day as yyyy-mm-dd, such as 2009-02-23.');
}

function readEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new InvalidArgumentError('It must be an encoding such as utf-8, latin1 or utf-16le.');
  }
}

function readDuration(text: string): number {
  const value = ms(text as StringValue);
  if (typeof value === 'number' && value >= 0) return value;
  throw new InvalidArgumentError('It must be a duration such as 30s or 5m.');
}
