import { type Command, Option } from 'commander';
import ms from 'ms';
import { addApiOptions } from '../api/options.ts';
import { DIALECTS, FORMATS } from '../chat-log/layouts.ts';
import { processTerminal, reported } from '../terminal/output.ts';
import {
  type ImportOptions,
  readDate,
  readDuration,
  readEncoding,
  readMap,
  readZone,
} from './options.ts';

const MORE = `
Layouts, recognized from the file:
${DIALECTS.map(({ name, looks }) => `  ${name.padEnd(10)} ${looks}`).join('\n')}
  jsonl      {"author": "ada", "text": "Hello", "sent_at": "2024-01-15T12:00:00Z", "metadata": {}}
  slack      Slack's export: the file of a day, a folder or a zip
  json       JSON of another product, as lines or a document, with --map

Files may be packed by gzip. A folder's files are read in the order of their names. Clocks may have
12 or 24 hours. Times without an offset are of --zone. Actions (* nick waves) and notices (-bot-
text) become messages, and their metadata says so. What the channel itself did is skipped and
counted: joins, parts, renames, modes, topics.

Nobody is notified or mailed, unless you say --notify.

Run it again as often as you like. It never posts a message twice, even if the message has been
deleted since, or if you read it in another encoding. After a kill it continues where it was. If the
log has grown, it adds the new lines.

Examples:
  $ knockon import ubuntu-2009-02-23_10.txt --channel ubuntu --dry-run
  $ zcat chat.log.gz | knockon import - --channel ubuntu --date 2009-02-23
  $ knockon import slack-export.zip
  $ knockon import discord.json --channel help \\
      --map author=.author.name,text=.content,sent_at=.timestamp

Exit codes: 0 read, perhaps but for skipped lines; 1 nothing could be read, or it broke off (it
says whether to run it again); 2 wrong arguments; 130 interrupted.`;

export function importCommand(program: Command): void {
  const command = program
    .command('import')
    .summary('post the messages of a chat log into a channel')
    .description(
      'Posts the messages of a chat log into a channel, in the order of their lines. The channel ' +
        'is made if there is none.',
    )
    .argument('<file>', 'the log, a folder of logs or a zip; - reads from stdin');
  addReading(command);
  addPosting(command).addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (file: string, options: ImportOptions) => {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      process.once('SIGTERM', () => interrupted.abort());
      const { runImport } = await import('./import.ts');
      process.exitCode = await runImport(file, options, {
        terminal: processTerminal(),
        signal: interrupted.signal,
        stdin: process.stdin,
      });
    }),
  );
}

function addReading(command: Command): Command {
  const formats = new Option('--format <layout>', 'layout of the lines (default: detected)');
  return command
    .addOption(formats.choices(FORMATS))
    .option(
      '--date <yyyy-mm-dd>',
      "day of the first line, for logs without dates (default: the one in the file's name)",
      readDate,
    )
    .option('--zone <name>', 'zone of times without an offset (default: UTC)', readZone)
    .option(
      '--encoding <label>',
      'of lines that are no UTF-8 (default: windows-1252; UTF-16 and ISO-2022-JP are detected)',
      readEncoding,
    )
    .option('--map <fields>', 'where the fields are in JSON of another product', readMap)
    .option('--users <file>', "Slack's users.json (default: the one in or above the folder)")
    .option('--conversation <name>', 'the one to read of an export of several');
}

function addPosting(command: Command): Command {
  return command
    .option(
      '--channel <name>',
      "the channel's name (default, for Slack's export: each conversation's own)",
    )
    .addOption(
      new Option('--patience <duration>', 'how long to wait for an API that is away or overloaded')
        .default(ms('2m'), '2m')
        .argParser(readDuration),
    )
    .option('--notify', 'notify and mail those who are mentioned, as for new messages')
    .option('--show-skipped', 'name every skipped line on stderr')
    .option('--skipped <file>', 'write every skipped line to a file, as JSON lines')
    .option('--dry-run', 'read and count, post nothing; needs no API');
}
