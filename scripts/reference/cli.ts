import type { EventEmitter } from 'node:events';
import type { Command, Help } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { blocks, code, list, page, sentence, wrap } from './markdown.ts';

/** docs/reference/cli.md. */
export async function cliPage(): Promise<string> {
  const program = await createProgram([], () => {
    throw new Error('the page asks for no command');
  });
  const help = program.createHelp();
  const commands = help.visibleCommands(program).filter((one) => one.name() !== 'help');
  return page(
    'Command line',
    wrap(sentence(program.description())),
    blocks(...moreHelp(program)),
    ...commands.map((command) => blocks(...describeCommand(command, help))),
  );
}

function describeCommand(command: Command, help: Help): string[] {
  const usage = help.commandUsage(command);
  const heading = usage.split(/ [[<]/)[0]!;
  const below = help.visibleCommands(command).filter((sub) => sub.name() !== 'help');
  const aliases = command.aliases();
  return [
    `## ${heading}`,
    wrap(sentence(command.description())),
    aliases.length > 0 ? wrap(`Old name: ${aliases.map(code).join(', ')}.`) : '',
    `\`\`\`sh\n${usage.replaceAll('|', ' | ')}\n\`\`\``,
    list(
      help
        .visibleArguments(command)
        .map((argument) => row(help.argumentTerm(argument), help.argumentDescription(argument))),
    ),
    list(
      help
        .visibleOptions(command)
        .filter(({ long }) => long !== '--help')
        .map((option) => row(help.optionTerm(option), help.optionDescription(option))),
    ),
    ...moreHelp(command),
    ...below.flatMap((sub) => describeCommand(sub, help)),
  ];
}

const row = (term: string, description: string) => `${code(term)}: ${sentence(description)}`;

/** What a command's help says after its options, as blocks of a page. */
function moreHelp(command: Command): string[] {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return written
    .join('\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replace(/^\n+|\s+$/g, ''))
    .filter(Boolean)
    .flatMap(asBlocks);
}

const SETTINGS = /^(Environment variables that it needs|It also reads)/;

function asBlocks(paragraph: string): string[] {
  if (paragraph.startsWith('It also reads')) return [];
  if (SETTINGS.test(paragraph)) return ['Its settings are in [settings.md](settings.md).'];
  const [first, ...rest] = paragraph.split('\n');
  const isCode = rest.length > 0 && rest.every((line) => line.startsWith('  '));
  if (isCode) return [first!, `\`\`\`sh\n${rest.map((line) => line.slice(2)).join('\n')}\n\`\`\``];
  const [, intro, codes] = /^(Exit codes:) (.*)\.$/s.exec(paragraph) ?? [];
  if (intro)
    return [
      intro,
      list(codes!.split(/;\s+(?=\d)/).map((one) => sentence(one.replaceAll('\n', ' ')))),
    ];
  return [wrap(paragraph)];
}
