import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Drill, Scene } from '../../../drills/drill.ts';
import { drills } from '../../../drills/index.ts';
import { type Command, readRunbook, type Section } from '../../../drills/page/read.ts';
import { type Typed, type, typeUntilRight } from '../../../drills/page/type.ts';
import { type Opened, openProduct } from '../../../drills/product/open.ts';
import { freePorts } from '../../../src/local/launcher/ports.ts';
import { hasProgram } from '../package/project.ts';
import { readWalkThrough } from './guide.ts';

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
    8 * minutes,
  );
});

const guide = new URL('../../../docs/guides/http-subscriber.md', import.meta.url);

// At the end: it leaves a dead letter, as its reader does, and `knockon doctor` tells of it.
describe.skipIf(!hasProgram('python3', '--version'))('docs/guides/http-subscriber.md', () => {
  it(
    'leads from nothing to a service that survives a pause and a replay',
    async () => {
      const { stage } = opened;
      const { files, commands } = readWalkThrough(guide, 'From nothing, in Python');
      const [port] = await freePorts(1);
      const here = (text: string) => text.replaceAll('8000', String(port));
      for (const { name, text } of files) await writeFile(join(stage.home, name), here(text));
      let secret = '';
      try {
        for (const command of commands) {
          const text = here(command.text).replace('whsec_…', secret);
          const how = /^knockon (trace|failed)/.test(text) ? typeUntilRight : type;
          const { output, wrong } = await how(stage, { ...command, text }, {});
          expect(wrong, `line ${command.line} of the guide: $ ${text}\n${output}`).toBeNull();
          secret = /whsec_\S+/.exec(output)?.[0] ?? secret;
        }
      } finally {
        await stage.ask('DELETE', '/v1/ops/subscribers/billing');
        await stage.cleanUp();
      }
    },
    4 * minutes,
  );
});
