import type { Command } from 'commander';
import { closest } from 'fastest-levenshtein';
import { OPS_EXIT_CODES } from '../operate/ops.ts';

/**
 * The command below `parent` that runs where none is named: `knockon keys` is `knockon keys list`.
 * A name that none of them has is told with the nearest; commander would count it as one argument
 * too many.
 */
export function defaultVerb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name, { isDefault: true })
    .description(description)
    .allowExcessArguments()
    .addHelpText('after', `\n${OPS_EXIT_CODES}`)
    .hook('preAction', ({ args: [typed] }) => {
      if (typed === undefined) return;
      const verbs = parent.commands.map((command) => command.name());
      const near = `did you mean ${closest(typed, verbs)}? There are ${verbs.join(', ')}.`;
      parent.error(`error: there is no \`${parent.name()} ${typed}\`; ${near}`, { exitCode: 2 });
    });
}
