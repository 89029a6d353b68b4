import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { runEffects } from '../../../src/embed/run-effects.ts';
import { OWN_SUBSCRIBERS } from '../../../src/outbox/subscribers.ts';
import { FanOut } from '../../../src/testing/index.ts';
import { EffectModuleError, loadEffects } from '../../../src/workers/load-effects.ts';
import { subscriberNames } from '../../harness/effect-names.ts';

const runtime = fileURLToPath(
  new URL('../../../src/activities/runtime/effect.ts', import.meta.url),
);
const head = `import { defineEffect } from ${JSON.stringify(runtime)};
const effect = (name) => defineEffect({ name, description: '', on: ['*'], transact: async () => {} });
`;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'knockon-effects-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function aModule(path: string, text: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
  return file;
}

const namesIn = async (path: string) => (await loadEffects(path)).map(({ name }) => name);

describe('a module with effects', () => {
  it.each([
    ['by name', `export const a = effect('a'); export const b = effect('b');`, ['a', 'b']],
    ['as its default', `export default effect('a');`, ['a']],
    ['as an array', `export default [effect('a'), effect('b')];`, ['a', 'b']],
    ['twice', `export const a = effect('a'); export default [a];`, ['a']],
    ['beside other things', `export const a = effect('a'); export const n = 5;`, ['a']],
  ])('exports them %s', async (how, exports, names) => {
    const file = await aModule(`${how.replaceAll(' ', '-')}.mjs`, head + exports);
    expect((await namesIn(file)).sort()).toEqual(names);
  });

  it('may be a folder with an index', async () => {
    await aModule('folder/index.mjs', `${head}export default effect('inside');`);
    expect(await namesIn(join(folder, 'folder'))).toEqual(['inside']);
  });

  it.each([
    ['none.mjs', 'export const n = 5;', 'exports no effect'],
    ['broken.mjs', 'import "./not-there.mjs";', "can't be loaded"],
    ['null.mjs', 'throw null;', "can't be loaded: it threw null"],
    ['undefined.mjs', 'throw undefined;', "can't be loaded: it threw undefined"],
    ['text.mjs', 'throw "no key";', "can't be loaded: it threw 'no key'"],
    ['bare.mjs', 'throw Object.create(null);', "can't be loaded: it threw [Object: null"],
    [
      'same.mjs',
      `${head}export const a = effect('a'); export const b = effect('a');`,
      'two effects called "a"',
    ],
  ])('is told what is wrong with it: %s', async (name, text, why) => {
    const file = await aModule(name, text);
    await expect(loadEffects(file)).rejects.toThrow(EffectModuleError);
    await expect(loadEffects(file)).rejects.toThrow(why);
  });

  it('must be there, and a folder must have an index', async () => {
    await expect(loadEffects(join(folder, 'nowhere'))).rejects.toThrow('there is no ');
    await mkdir(join(folder, 'empty'));
    await expect(loadEffects(join(folder, 'empty'))).rejects.toThrow('has no index.js');
  });
});

describe("an effect named like one of Knock-on's own", () => {
  it('is told by a list that names no other', () => {
    expect(subscriberNames).toEqual(expect.arrayContaining([...OWN_SUBSCRIBERS]));
  });

  it.each(OWN_SUBSCRIBERS)(
    "is refused, and leaves that one's subscriber alone: %s",
    async (name) => {
      const why = `an effect named ${name} is Knock-on's own: rename yours`;
      const effect = defineEffect({ name, description: '', on: ['*'], async perform() {} });
      await expect(runEffects({ effects: [effect] })).rejects.toThrow(why);
      if (name === 'schema') await expect(FanOut.open({} as never, [effect])).rejects.toThrow(why);
      const file = await aModule(`${name}.mjs`, `${head}export default effect('${name}');`);
      await expect(loadEffects(file)).rejects.toThrow(EffectModuleError);
      await expect(loadEffects(file)).rejects.toThrow(why);
    },
  );
});
