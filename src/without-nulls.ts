/** Of an object from outside: many serializers write a member that is not set as null. */
export const withoutNulls = <T>(given: T): T =>
  typeof given === 'object' && given !== null && !Array.isArray(given)
    ? (Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as T)
    : given;
