import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../harness/temporal.ts';
import { scenarios } from './scenarios.ts';

const folder = fileURLToPath(new URL('../../histories/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

beforeAll(() => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'ERROR' } },
  });
});

describe('a workflow that was started by an earlier version', () => {
  it.each(files)('goes on as it began: %s', async (file) => {
    const history = historyFromJSON(JSON.parse(readFileSync(folder + file, 'utf8')));
    await Worker.runReplayHistory(workflowBundle(), history);
  });

  it('has a history of every way through the fan-out', () => {
    expect(files.map((file) => file.replace('.json', ''))).toEqual(
      expect.arrayContaining(Object.keys(scenarios)),
    );
  });

  it('is refused where the code no longer does what its history says', async () => {
    const history = JSON.parse(readFileSync(`${folder}one-event-six-effects.json`, 'utf8'));
    const scheduled = history.events.find(
      (event: Record<string, unknown>) => event.activityTaskScheduledEventAttributes,
    );
    scheduled.activityTaskScheduledEventAttributes.activityType.name = 'another';
    await expect(
      Worker.runReplayHistory(workflowBundle(), historyFromJSON(history)),
    ).rejects.toThrow(/[Nn]ondeterminism|TMPRL1100/);
  });
});
