import { BaseSequencer, type TestSpecification } from 'vitest/node';

const tiers = ['whole', 'temporal', 'database', 'unit'];

/**
 * Files that take a minute or more, the longest first. Those that need the processor most are not
 * side by side with each other, or with the runbook, which asks whether all is well.
 */
const longest = [
  'runbook/runbook',
  'transport/pg-boss-crashes',
  'transport/temporal-crashes',
  'console/pages',
  'local/up',
  'chaos',
  'ops/retire',
  'package/package',
  'docs/contributing',
  'workers/other-languages',
  'ops/retry-and-reset',
];

/** Begins with what takes longest, so that at the end no worker is left alone with it. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files);
    return bySize.toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  const place = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
  return place >= 0 ? place : longest.length + tiers.indexOf(project.name);
}
