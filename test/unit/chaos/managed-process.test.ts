import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ManagedProcess } from '../../../chaos/processes/managed-process.ts';
import { Watchdog } from '../../../chaos/processes/watchdog.ts';

const watchdog = new Watchdog();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'knockon-part-'));
});

afterAll(async () => {
  watchdog.dismiss();
  await rm(folder, { recursive: true, force: true });
});

it('says why a process cannot be started at all, instead of trying for ever', async () => {
  const script = {
    name: 'api 1',
    blow: 'SIGKILL' as const,
    log: join(folder, 'api.log'),
    start: () => Promise.reject(new Error('not built yet')),
  };
  const part = new ManagedProcess(script, watchdog, () => {});
  await expect(part.untilUp()).rejects.toThrow('api 1 did not start: not built yet');
  expect(part.failedStarts).toBeGreaterThan(1);
});
