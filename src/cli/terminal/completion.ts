import type { Command } from 'commander';
import { closest } from 'fastest-levenshtein';
import { CommandError, EXIT, processTerminal, reported } from './output.ts';

const MORE = `
Examples:
  $ source <(knockon completion bash)                                  # in ~/.bashrc
  $ knockon completion zsh > "\${fpath[1]}/_knockon"                    # then start a new shell
  $ knockon completion fish > ~/.config/fish/completions/knockon.fish

Subscribers' names are asked of the running API. Exit codes: 0 printed; 2 an unknown shell.`;

/**
 * `knockon completion SHELL`: generated from the commands there are, so that it can't fall behind
 * them.
 */
export function completionCommand(program: Command): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description('Prints what makes a shell complete commands, options and names of subscribers.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', MORE)
    .action(
      reported(async (shell: string) => {
        const script = { bash, zsh, fish }[shell];
        if (!script)
          throw new CommandError(
            `There is no completion for ${shell}; did you mean ` +
              `${closest(shell, ['bash', 'zsh', 'fish'])}?`,
            EXIT.usage,
          );
        processTerminal().out(script(words(program)));
      }),
    );
}

/** What may follow a command. */
interface Word {
  /** The command, its parents before it: `worker effects`; '' for none yet. */
  path: string;
  next: { word: string; description: string }[];
  /** Whether its argument is a subscriber. */
  takesName: boolean;
}

function words(command: Command, path = ''): Word[] {
  const shown = command.createHelp().visibleCommands(command);
  const subcommands = shown.map((sub) => ({
    word: sub.name(),
    description: sub.summary() || sub.description(),
  }));
  const options = command.options.map(({ long, short, description }) => ({
    word: long ?? short ?? '',
    description,
  }));
  const takesName = command.registeredArguments.some(
    (argument) => argument.description === 'the subscriber',
  );
  const own = {
    path,
    next: [...subcommands, ...options, { word: '--help', description: 'display help for command' }],
    takesName,
  };
  const below = shown
    .filter((sub) => sub.name() !== 'help')
    .flatMap((sub) => words(sub, `${path} ${sub.name()}`.trim()));
  return [own, ...below];
}

/** The names of subscribers, for the shell to run: nothing where no API is there. */
const NAMES = `knockon subscribers --json 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d'"' -f4`;

const listed = ({ next }: Word) => next.map(({ word }) => word).join(' ');

/** The path so far is the words before the cursor that are commands. */
const shellPath = (all: Word[]) => {
  const known = all.filter(({ path }) => path !== '').map(({ path }) => `"${path}"`);
  return `    case "\${at:+$at }$word" in ${known.join('|')}) at="\${at:+$at }$word" ;; esac`;
};

const bash = (all: Word[]) => `# bash completion of knockon; made by \`knockon completion bash\`
_knockon() {
  local at="" word current="\${COMP_WORDS[COMP_CWORD]}" next=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${shellPath(all)}
  done
  case "$at" in
${all.map((word) => `    "${word.path}") next="${listed(word)}"${word.takesName ? `; [[ $current != -* ]] && next="$next $(${NAMES})"` : ''} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$next" -- "$current"))
}
complete -o default -F _knockon knockon`;

const zsh = (all: Word[]) => `#compdef knockon
# zsh completion of knockon; made by \`knockon completion zsh\`
_knockon() {
  local at="" word
  local -a next names
  for word in "\${(@)words[2,CURRENT-1]}"; do
${shellPath(all)}
  done
  case "$at" in
${all.map((word) => `    "${word.path}") next=(${word.next.map(({ word: name, description }) => quoted(`${name}:${description}`)).join(' ')})${word.takesName ? `; names=(\${(f)"$(${NAMES})"})` : ''} ;;`).join('\n')}
  esac
  (( \${#names} )) && compadd -a names
  _describe knockon next
}
if [ "$funcstack[1]" = "_knockon" ]; then _knockon "$@"; else compdef _knockon knockon; fi`;

const fish = (all: Word[]) => `# fish completion of knockon; made by \`knockon completion fish\`
complete -c knockon -f
${all.flatMap((word) => word.next.map(({ word: name, description }) => fishLine(all, word, name, description))).join('\n')}
${all
  .filter(({ takesName }) => takesName)
  .map(
    ({ path }) =>
      `complete -c knockon -n '__fish_seen_subcommand_from ${path}' -a ` +
      `'(${NAMES.replaceAll("'", "\\'")})'`,
  )
  .join('\n')}`;

function fishLine(all: Word[], { path }: Word, name: string, description: string): string {
  const below = all
    .filter((word) => word.path.startsWith(`${path} `))
    .map((word) => word.path.split(' ').at(-1));
  const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const condition =
    path === ''
      ? '__fish_use_subcommand'
      : [
          ...seen,
          ...(below.length > 0 ? [`not __fish_seen_subcommand_from ${below.join(' ')}`] : []),
        ].join('; and ');
  const what = name.startsWith('--') ? `-l ${name.slice(2)}` : `-a ${name}`;
  return `complete -c knockon -n '${condition}' ${what} -d ${quoted(description)}`;
}

const quoted = (text: string) => `'${text.replaceAll("'", '’')}'`;
