import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Drill, Scene } from '../../../drills/drill.ts';
import { drills } from '../../../drills/index.ts';
import { type Command, readRunbook, type Section } from '../../../drills/page/read.ts';
import { type Typed, type, typeUntilRight } from '../../../drills/page/type.ts';
import { type Opened, openProduct } from '../../../drills/product/open.ts';

const minutes = 60_000;
const sections = readRunbook();
const symptoms = sections.filter((section) => section.drill !== null);
const others = sections.filter((section) => section.drill === null);

let opened: Opened;

beforeAll(async () => {
  opened = await openProduct(() => {}, true);
}, 3 * minutes);
afterAll(() => opened?.close(), minutes);

/** Types them one after another; each ends and shows what the page says. */
async function typed(
  commands: Command[],
  how: typeof type,
  words: Record<string, string>,
): Promise<void> {
  for (const command of commands) {
    const outcome: Typed = await how(opened.stage, command, words);
    expect(
      outcome.wrong,
      `line ${command.line} of the runbook: $ ${outcome.text}\n${outcome.output}`,
    ).toBeNull();
  }
}

async function stillWrong(scene: Scene): Promise<string | null> {
  return await scene.remains();
}

async function goThrough({ commands }: Section, drill: Drill): Promise<void> {
  const { stage } = opened;
  try {
    const scene = await drill.begin(stage);
    expect(await stillWrong(scene), 'the symptom is there').not.toBeNull();
    await typed(commands.see, typeUntilRight, scene.words);
    await typed(commands.cure, type, scene.words);
    await typed(commands.over, typeUntilRight, scene.words);
    await expect.poll(() => stillWrong(scene), { timeout: minutes, interval: 300 }).toBeNull();
    await typed(commands.undo, type, scene.words);
  } finally {
    await stage.cleanUp();
  }
}

describe('the runbook', () => {
  it('has a section for every drill, and a drill for every symptom', () => {
    expect(symptoms.map((section) => section.drill)).toEqual(drills.map((drill) => drill.name));
  });

  it.each(others)(
    'shows under "$title" what commands show where all is well',
    async ({ commands }) => {
      expect(
        Object.values(commands).flat().length - commands.start.length,
        'only symptoms have parts',
      ).toBe(0);
      await typed(commands.start, typeUntilRight, {});
    },
  );

  it.each(symptoms)(
    'leads from symptom to cause to cure: $title',
    async (section) => {
      const drill = drills.find(({ name }) => name === section.drill);
      expect(drill, `npm run drill -- ${section.drill}`).toBeDefined();
      await goThrough(section, drill!);
    },
    4 * minutes,
  );
});
