import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Stage } from '../product/stage.ts';
import type { Command } from './read.ts';
import { firstMissing } from './shape.ts';

/** How a command ended, beside what the page says of it. */
export interface Typed {
  /** As it was typed. */
  text: string;
  output: string;
  exit: number | null;
  /** What was otherwise than on the page; null: nothing. */
  wrong: string | null;
}

/** Longest that a command may take, in ms. */
const LONGEST = 90_000;

/**
 * Types a command of the page into a shell. @param words what stands for MESSAGE_ID and the like
 */
export async function type(
  stage: Stage,
  command: Command,
  words: Record<string, string>,
): Promise<Typed> {
  const text = filledIn(command, words);
  if (command.isBackground) return await begin(stage, command, text);
  const child = shell(stage, text);
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST);
  const output = collect(child);
  const [exit] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { text, output: output(), exit, wrong: whatIsWrong(command, output(), exit) };
}

/** Between two goes, in ms: each next pause is longer, for every go costs a process. */
const PAUSES = { first: 300, longest: 1500, grow: 1.5 };

/**
 * How long a command is typed again, in ms. What has been refused may wait 45 s for its next try,
 * and a busy machine needs its time too.
 */
const PATIENCE = 120_000;

/**
 * The same again until it is as on the page, or two minutes have passed: what has just been done
 * shows after a moment.
 */
export async function typeUntilRight(
  stage: Stage,
  command: Command,
  words: Record<string, string>,
): Promise<Typed> {
  const deadline = Date.now() + PATIENCE;
  let pause = PAUSES.first;
  let typed = await type(stage, command, words);
  while (typed.wrong !== null && Date.now() <= deadline) {
    await wait(pause);
    pause = Math.min(PAUSES.longest, pause * PAUSES.grow);
    typed = await type(stage, command, words);
  }
  return typed;
}

/**
 * Starts what goes on beside the rest, until what the page shows has been said; it ends with the
 * drill.
 */
async function begin(stage: Stage, command: Command, text: string): Promise<Typed> {
  const child = shell(stage, `exec ${text}`);
  const output = collect(child);
  stage.afterwards(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM'))
      await once(child, 'exit');
  });
  const isSaid = () => firstMissing(command.shown, output()) === null;
  for (
    const deadline = Date.now() + LONGEST;
    !isSaid() && child.exitCode === null && Date.now() < deadline;
  )
    await wait(50);
  return {
    text: `${text} &`,
    output: output(),
    exit: child.exitCode,
    wrong: isSaid() ? null : whatIsWrong(command, output(), 0),
  };
}

const shell = ({ env, home }: Stage, text: string) =>
  spawn('bash', ['-c', text], { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  return () => output;
}

/** @throws where the page leaves a word open that nobody has an answer to */
function filledIn({ text, line }: Command, words: Record<string, string>): string {
  return text.replace(/(?<![$\w])[A-Z][A-Z_]*_P?ID\b/g, (word) => {
    const value = words[word];
    if (value === undefined)
      throw new Error(`line ${line}: nobody says what ${word} is in \`${text}\``);
    return value;
  });
}

function whatIsWrong(
  { exit: wanted, shown }: Command,
  output: string,
  exit: number | null,
): string | null {
  if (exit !== wanted) return `it ended with ${exit}, not ${wanted}`;
  const missing = firstMissing(shown, output);
  return missing === null ? null : `it did not show "${missing.trim()}"`;
}
