import type { Issue } from '../../events/issue.ts';

/**
 * Issues whose paths say nothing that only the payload says. A field that the schema does not name
 * may have any name, such as the address of a person: it is `*`.
 *
 * @param payload what the issues are of
 * @param names of the schema's fields
 */
export const withoutNames = (
  issues: Issue[],
  payload: unknown,
  names: ReadonlySet<string>,
): Issue[] =>
  issues.map(({ path, message }) => ({ path: withoutNamesIn(path, payload, names), message }));

function withoutNamesIn(path: string, payload: unknown, names: ReadonlySet<string>): string {
  let value = payload;
  const steps = path.split('.').map((step) => {
    // A name may have dots, so what looks like a place in a list need not be one.
    const isPlace = Array.isArray(value) && Object.hasOwn(value, step);
    const isKnown = path === '' || names.has(step) || isPlace;
    value = isContainer(value) ? Reflect.get(value, step) : undefined;
    return isKnown ? step : '*';
  });
  return steps.join('.');
}

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;
