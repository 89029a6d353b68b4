import { readFileSync } from 'node:fs';

/** One line of the demo's conversation, and what is done to it once all have been posted. */
export interface Scene {
  author: string;
  text: string;
  edit?: string;
  delete?: boolean;
}

/**
 * The sample lies beside the sources and the built files alike. `knockon import` reads it too, and
 * leaves out what is staged.
 */
const SAMPLE = new URL('../../../examples/conversation.jsonl', import.meta.url);

export function readConversation(): Scene[] {
  return readFileSync(SAMPLE, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const {
        author,
        text,
        demo = {},
      } = JSON.parse(line) as Scene & { demo?: Pick<Scene, 'edit' | 'delete'> };
      return { author, text, ...demo };
    });
}
