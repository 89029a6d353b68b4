import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { run } from '../../../drills/product/psql.ts';
import { freshDatabase } from '../../harness/database.ts';

const file = fileURLToPath(new URL('../../../drills/product/psql.ts', import.meta.url));

it('stands in for psql where that is not installed', async () => {
  const { url, close } = await freshDatabase();
  const kept = [
    'create table kept as select 1 as n',
    'insert into kept values (2)',
    'update kept set n = 3',
    'delete from kept where n = 3',
  ];
  expect((await run(url, kept)).split('\n')).toEqual([
    'SELECT 1',
    'INSERT 0 1',
    'UPDATE 2',
    'DELETE 2',
  ]);
  expect(await run(url, ["select 1 as n, true as alike, null as nothing, 'a' as text"])).toContain(
    ' n | alike | nothing | text\n',
  );
  expect(await run(url, ["select 1 as n, true as alike, null as nothing, 'a' as text"])).toContain(
    '\n 1 | t |  | a\n(1 rows)',
  );
  expect(await run(url, ['drop table kept'])).toBe('DROP TABLE');
  await expect(run(url, ['select from nowhere'])).rejects.toThrow('does not exist');
  const typed = await promisify(execFile)(process.execPath, [
    '--import',
    import.meta.resolve('tsx'),
    file,
    url,
    '-c',
    'select 1 as n',
  ]);
  expect(typed.stdout).toContain('(1 rows)');
  await close();
});

it('what the runbook looks up is found by whatever role asks', async () => {
  const page = await readFile('docs/operations/runbook.md', 'utf8');
  const commands = page.replaceAll(/\\\n\s*/g, '').matchAll(/psql "\$DATABASE_URL" -c "([^"]+)"/g);
  const lookups = Array.from(commands, ([, statement]) => statement!).filter((statement) =>
    statement.startsWith('select '),
  );
  expect(lookups.length).toBeGreaterThan(4);
  const { url, close } = await freshDatabase();
  const role = `operator_${randomBytes(6).toString('hex')}`;
  await run(url, [`create role ${role} superuser`]);
  for (const statement of lookups)
    expect(await run(url, [`set role ${role}`, statement])).toContain(' rows)');
  await close();
});
