import { CommandError, EXIT, type Terminal, warn } from '../terminal/output.ts';
import type { ImportOptions } from './options.ts';
import type { Part } from './source.ts';

/** A log, and the channel it goes to. */
export type Addressed = Part & { channel: string };

/**
 * What is to be read of an export, and into which channels: the conversation that was named or has
 * the channel's name, else all. Without a channel each goes into one of its own name.
 *
 * @throws CommandError where it can't be told
 */
export function address(
  parts: Part[],
  { channel, conversation, json }: ImportOptions,
  terminal: Terminal,
): Addressed[] {
  const names = [...new Set(parts.flatMap((part) => part.conversation ?? []))];
  const chosen = conversation ?? names.find((name) => name === channel);
  const read = chosen ? parts.filter((part) => part.conversation === chosen) : parts;
  if (read.length === 0)
    throw new CommandError(
      `There is no conversation ${JSON.stringify(chosen)}. ${told(names)}`,
      EXIT.usage,
    );
  if (channel && !chosen && names.length > 1 && !json)
    warn(terminal, `All goes into ${channel}. ${told(names)} --conversation reads one of them.`);
  return read.map((part) => {
    const into = channel ?? part.conversation;
    if (into) return { ...part, channel: into };
    throw new CommandError('Say which channel it goes to, such as --channel general.', EXIT.usage);
  });
}

function told(names: string[]): string {
  if (names.length === 0) return 'It is no export of several conversations.';
  const shown = names.slice(0, 20).join(', ');
  return `It has ${names.length} conversations: ${shown}${names.length > 20 ? ', …' : ''}.`;
}
