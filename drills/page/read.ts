import { readFileSync } from 'node:fs';

/** A command of the runbook. */
export interface Command {
  /** As it is to be typed, without the note on its exit code. */
  text: string;
  /** Where it is in the page. */
  line: number;
  /** How it ends, as its comment says (`# exit 1`); default 0. */
  exit: number;
  /** It goes on running beside what follows (`&`). */
  isBackground: boolean;
  /** What the page shows of its output. */
  shown: string[];
}

/** Parts of a section, in their order; `start` is what has no part of its own. */
export type Part = 'start' | 'see' | 'cure' | 'over' | 'undo';

/** A symptom of the runbook. */
export interface Section {
  title: string;
  /** The drill that produces it, where there is one. */
  drill: string | null;
  commands: Record<Part, Command[]>;
}

export const page = new URL('../../docs/operations/runbook.md', import.meta.url);

const parts: [RegExp, Part][] = [
  [/^\*\*See it/, 'see'],
  [/^\*\*Cure/, 'cure'],
  [/^\*\*It is over/, 'over'],
  [/^\*\*Undo/, 'undo'],
];

/**
 * The runbook's sections, with every command in it. @throws where a block of the page is none of
 * commands
 */
export function readRunbook(text = readFileSync(page, 'utf8')): Section[] {
  const sections: Section[] = [];
  let part: Part = 'start';
  let block: Command[] | null = null;
  for (const [i, line] of text.split('\n').entries()) {
    const section = sections.at(-1);
    if (line.startsWith('```')) {
      if (block === null && line !== '```sh')
        throw new Error(
          `line ${i + 1}: a block of the runbook is \`sh\`, with commands that are run`,
        );
      if (block === null && !section)
        throw new Error(`line ${i + 1}: a command belongs under a heading`);
      block = block === null ? section!.commands[part] : null;
    } else if (block) {
      readLine(block, line, i + 1);
    } else if (line.startsWith('## ')) {
      sections.push({
        title: line.slice(3),
        drill: null,
        commands: { start: [], see: [], cure: [], over: [], undo: [] },
      });
      part = 'start';
    } else {
      part = parts.find(([pattern]) => pattern.test(line))?.[1] ?? part;
      const [, drill] = /`npm run drill -- ([a-z-]+)`/.exec(line) ?? [];
      if (section && drill && line.startsWith('**Practice')) section.drill = drill;
    }
  }
  return sections;
}

function readLine(block: Command[], line: string, number: number): void {
  if (!line.startsWith('$ ')) {
    const command = block.at(-1);
    if (!command)
      throw new Error(`line ${number}: a block begins with a command, which begins with "$ "`);
    // A command goes on in the next line where it ends with a backslash.
    if (command.text.endsWith('\\')) command.text = command.text.slice(0, -1) + line.trim();
    else if (line.trim() !== '') command.shown.push(line);
    return;
  }
  const [, text = '', exit] = /^\$ (.*?)(?:\s+#.*?\bexit (\d+))?$/.exec(line) ?? [];
  const isBackground = text.endsWith(' &');
  block.push({
    text: text.replace(/ &$/, '').replace(/\s+# .*$/, ''),
    line: number,
    exit: Number(exit ?? 0),
    isBackground,
    shown: [],
  });
}
