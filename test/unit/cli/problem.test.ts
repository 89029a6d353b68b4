import { expect, test } from 'vitest';
import { explainProblem } from '../../../src/cli/api/problem.ts';

const address = { url: 'http://api.test' } as Parameters<typeof explainProblem>[3];
const explain = (detail: string) =>
  explainProblem(409, JSON.stringify({ detail }), 'PUT /v1/ops/schedules/a', address);

test.each([
  ['Take another name, or pass replace=true to change it.', '--replace to change it.'],
  ['Change it, or pass breaking=true to make it the next version.', '--breaking to make it'],
  ['If that code is gone for good, pass take_over=true.', 'pass --take-over.'],
])('a parameter of the API is told as the option of the command (%s)', (detail, told) => {
  expect(explain(detail)).toContain(told);
  expect(explain(detail)).not.toContain('=true');
});
