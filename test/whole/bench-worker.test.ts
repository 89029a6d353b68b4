import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

// It imports from `dist`, where no compiler checks the names.
it.each(['worker', 'http-worker'])(
  'the %s of the bench finds all that it imports, and asks for its settings',
  (name) => {
    const worker = fileURLToPath(new URL(`../../bench/peers/knockon/${name}.js`, import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [worker], {
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    });
    expect(stderr).toContain('KNOCKON_SECRET');
    expect(stderr).not.toContain('SyntaxError');
    expect(status).not.toBe(0);
  },
);
