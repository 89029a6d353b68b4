import { execFile } from 'node:child_process';
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
let checkout: string;
let page: string;

/** The code block that follows a marker. */
function block(marker: RegExp): { where: string; code: string } {
  const found = new RegExp(`<!-- ${marker.source} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``, 'm').exec(
    page,
  );
  if (!found) throw new Error(`the guides have no block marked ${marker}`);
  return { where: found[1] ?? '', code: found.at(-1) ?? '' };
}

/** @returns the file's path in the checkout */
async function write(marker: RegExp): Promise<string> {
  const { where, code } = block(marker);
  await mkdir(dirname(join(checkout, where)), { recursive: true });
  await writeFile(join(checkout, where), code);
  return where;
}

beforeAll(async () => {
  const guides = ['add-an-effect', 'testing'].map((name) => join(root, `docs/guides/${name}.md`));
  page = (await Promise.all(guides.map((guide) => readFile(guide, 'utf8')))).join('\n');
  checkout = await mkdtemp(join(tmpdir(), 'knockon-walk-'));
  // What is built is there too: the workflows' bundle and the console are as they were.
  const parts = (await readdir(root)).filter(
    (part) => !['.git', '.knockon', 'coverage', 'node_modules'].includes(part),
  );
  await Promise.all(
    parts.map((part) =>
      cp(join(root, part), join(checkout, part), { recursive: true, filter: isOurs }),
    ),
  );
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
});

const isOurs = (path: string) => !path.endsWith('/node_modules');
afterAll(() => rm(checkout, { recursive: true, force: true }));

describe('the walk-through of docs/guides/add-an-effect.md', () => {
  it('works when typed: schema, migration, effect, one line, test, and all that looks at it then', async () => {
    const bin = (name: string) => join(root, 'node_modules/.bin', name);
    const written = [await write(/file: (src\/db\/schema\/links\.ts)/)];
    const { where: index, code } = block(/append: (\S+)/);
    await appendFile(join(checkout, index), code);
    await run(bin('drizzle-kit'), ['generate', '--name', 'links'], { cwd: checkout });
    written.push(await write(/file: (src\/activities\/links\/index\.ts)/));
    await addLine();
    written.push(await write(/file: (test\/database\/effects\/links\.test\.ts)/));
    written.push(await write(/file: (test\/temporal\/effects\/reminders\.test\.ts)/));
    const type = (command: string, ...args: string[]) =>
      run(command, args, { cwd: checkout }).catch(explain);
    await type('npm', 'run', '--silent', 'format');
    // What `npm run verify` does, without the lints of other files and the tests that have nothing
    // to do with the list of effects.
    await type(bin('biome'), 'check', '--error-on-warnings', '.');
    await type(bin('oxlint'), '--type-aware', '--deny-warnings', ...written);
    await type(bin('tsc'), '--noEmit');
    await type('node', 'scripts/arrows.js');
    await type('node', 'scripts/stale-migrations.js');
    await type(bin('knip'));
    await type(bin('tsc'), '-p', 'tsconfig.build.json', '--noCheck');
    await type(
      bin('vitest'),
      'run',
      'test/database/effects/links.test.ts',
      'test/temporal/effects/reminders.test.ts',
      'test/whole/message-path.test.ts',
    );
  }, 480_000);
});

function explain(error: { stdout?: string; stderr?: string; message: string }): never {
  throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
}

/** Step 3: the line goes before the one that the marker quotes, its import among the others. */
async function addLine(): Promise<void> {
  const step =
    /<!-- insert before "(.*?)" and import: (\S+) -->\n```ts\n(.*\n)```\n\n.*\n\n```ts\n(.*\n)```/.exec(
      page,
    );
  if (!step) throw new Error('docs/guides/add-an-effect.md has no step 3');
  const [, before = '', where = '', line = '', statement = ''] = step;
  const list = await readFile(join(checkout, where), 'utf8');
  expect(list).toContain(before);
  await writeFile(join(checkout, where), statement + list.replace(before, line + before));
}
