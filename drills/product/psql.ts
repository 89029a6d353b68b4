// Stands in for psql where it is not installed, for the runbook's commands alone: psql URL -c
// STATEMENT [-c STATEMENT …].
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import postgres from 'postgres';

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
  const options = { command: { type: 'string', short: 'c', multiple: true } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  try {
    console.log(await run(positionals[0] ?? '', values.command ?? []));
  } catch (error) {
    console.error(`psql: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

/**
 * What psql would show of these statements, but for the widths of its columns. @throws Postgres'
 * error
 */
export async function run(url: string, statements: string[]): Promise<string> {
  const pg = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    const shown: string[] = [];
    for (const statement of statements) {
      const rows = await pg.unsafe(statement).values();
      const names = rows.columns?.map(({ name }) => name) ?? [];
      shown.push(names.length > 0 ? table(names, rows) : tag(rows.command, rows.count));
    }
    return shown.join('\n');
  } finally {
    await pg.end({ timeout: 2 });
  }
}

function table(names: string[], rows: unknown[][]): string {
  const line = (cells: unknown[]) => ` ${cells.map(cell).join(' | ')}`;
  return [
    line(names),
    names.map((name) => '-'.repeat(name.length + 2)).join('+'),
    ...rows.map(line),
    `(${rows.length} rows)`,
  ].join('\n');
}

function cell(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'boolean' ? String(value)[0] : (value ?? '');
}

function tag(command: string, count: number | null): string {
  return [command, command === 'INSERT' ? 0 : null, count]
    .filter((part) => part !== null)
    .join(' ');
}
