import postgres from 'postgres';
import { inject } from 'vitest';

export interface TestNamespace {
  address: string;
  namespace: string;
}

/** A namespace of the real dev server that no other test uses. */
export async function freshNamespace(): Promise<TestNamespace> {
  const admin = postgres(inject('adminUrl'), { max: 1, onnotice: () => {} });
  const [row] = await admin<{ n: string }[]>`select nextval('namespaces') as n`;
  await admin.end();
  const namespace = inject('namespaces')[Number(row!.n) - 1];
  if (!namespace)
    throw new Error('No namespace is left: raise their number in test/setup/temporal.ts');
  return { address: inject('temporalAddress'), namespace };
}

/**
 * The time-skipping server's program, for `TestWorkflowEnvironment.createTimeSkipping({ server: {
 * executable: { type: 'existing-path', path } } })`.
 */
export function testServerPath(): string {
  return inject('testServerPath');
}

/** The workflow code, bundled already. For `Worker.create`. */
export function workflowBundle(): { workflowBundle: { codePath: string } } {
  return { workflowBundle: { codePath: inject('workflowBundle') } };
}
