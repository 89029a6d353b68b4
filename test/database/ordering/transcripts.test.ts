import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { expect, it } from 'vitest';
import { freshDatabase } from '../../harness/database.ts';

const schema = readFileSync(
  new URL('../../../examples/transcripts/schema.sql', import.meta.url),
  'utf8',
);

it('lets workers of the transcripts start at the same moment, on a database that has no table of theirs yet', async () => {
  const fresh = await freshDatabase();
  const workers = Array.from({ length: 8 }, () =>
    postgres(fresh.url, { max: 1, onnotice: () => {} }),
  );
  try {
    await Promise.all(workers.map((pg) => pg`select 1`));
    await Promise.all(workers.map((pg) => pg.unsafe(schema)));
    const [found] = await fresh.database.pg`select count(*)::int as count from transcript_lines`;
    expect(found).toEqual({ count: 0 });
  } finally {
    await Promise.all(workers.map((pg) => pg.end()));
    await fresh.close();
  }
});
