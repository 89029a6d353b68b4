import { spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Freezer } from '../../../chaos/processes/freezer.ts';
import { Watchdog } from '../../../chaos/processes/watchdog.ts';

it('stops a server with the processes it has started, and lets all of them go on', async () => {
  const shell = spawn('sh', ['-c', '(while :; do echo tick; sleep 0.01; done) & wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const watchdog = new Watchdog();
  let ticks = 0;
  shell.stdout.on('data', () => (ticks += 1));
  await expect.poll(() => ticks).toBeGreaterThan(2);
  const still = new Freezer(watchdog);
  await still.stop(shell.pid!);
  // What was written before is still on its way.
  await wait(200);
  const before = ticks;
  await wait(300);
  expect(ticks).toBe(before);
  still.goOn();
  await expect.poll(() => ticks).toBeGreaterThan(before + 2);
  process.kill(-shell.pid!, 'SIGKILL');
  watchdog.dismiss();
});
