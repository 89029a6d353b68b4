import { BaseSequencer, type TestSpecification } from 'vitest/node';

const tiers = ['whole', 'temporal', 'database', 'unit'];

/** Files that take a minute or more, the longest first. */
const longest = [
  'runbook/runbook',
  'chaos',
  'docs/contributing',
  'ops/retry-and-reset',
  'transport/pg-boss-crashes',
  'transport/temporal-crashes',
  'ops/retire',
  'console/pages',
  'local/up',
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
