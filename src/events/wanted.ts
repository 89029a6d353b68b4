import { LONGEST_NAME } from './name.ts';

const ALL = '*';
const PATTERN = /^[a-z][a-z0-9]*(_[a-z0-9]+)*\.\*$/;

/**
 * What a subscriber may ask for to get events of that type: its name, `<aggregate>.*` or `*`. SQL
 * has the same in `knockon.wanted_as`.
 */
const wantedAs = (type: string): string[] => [type, ALL, patternOf(type)];

/** The pattern for all types of its aggregate. */
export const patternOf = (type: string): string => `${type.split('.')[0]}.*`;

/** Whether who asks for `wanted` gets all that `type` means: a type, or a pattern of types. */
export const gets = (wanted: string[], type: string): boolean =>
  wantedAs(type).some((one) => wanted.includes(one));

/** Whether it stands for several types: those that there are, and those declared later. */
export const isPattern = (wanted: string): boolean => wanted.includes(ALL);

/**
 * Says why a pattern can't stand for event types.
 *
 * @returns undefined where it can
 */
export function refusedPattern(pattern: string): string | undefined {
  if (pattern === ALL || (PATTERN.test(pattern) && pattern.length <= LONGEST_NAME))
    return undefined;
  return (
    'is no pattern of event types; give a name such as message.created, <aggregate>.* such as ' +
    'message.*, or * for all'
  );
}
