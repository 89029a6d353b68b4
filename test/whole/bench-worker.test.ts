import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const worker = fileURLToPath(new URL('../../bench/peers/knockon/worker.js', import.meta.url));

// It imports from `dist`, where no compiler checks the names.
it('the worker of the bench finds all that it imports, and asks for its settings', () => {
  const { status, stderr } = spawnSync(process.execPath, [worker], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  });
  expect(stderr).toContain('KNOCKON_SECRET');
  expect(stderr).not.toContain('SyntaxError');
  expect(status).not.toBe(0);
});
