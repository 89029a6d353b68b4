import { Connection } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { freshDatabase } from '../../harness/database.ts';
import { freshNamespace, testServerPath } from '../../harness/temporal.ts';

describe('the harness', () => {
  it('hands out migrated databases that know nothing of each other', async () => {
    const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
    await one.database.pg`insert into knockon.workspaces (name) values ('one')`;
    expect(await two.database.pg`select * from knockon.workspaces`).toEqual([]);
    await Promise.all([one.close(), two.close()]);
  });

  it('hands out namespaces of a real server, each once', async () => {
    const [one, two] = await Promise.all([freshNamespace(), freshNamespace()]);
    expect(one.namespace).not.toBe(two.namespace);
    const connection = await Connection.connect({ address: one.address });
    const described = await connection.workflowService.describeNamespace({
      namespace: one.namespace,
    });
    expect(described.namespaceInfo?.name).toBe(one.namespace);
    await connection.close();
  });

  it('knows the time-skipping server', () =>
    expect(testServerPath()).toContain('temporal-test-server'));
});
