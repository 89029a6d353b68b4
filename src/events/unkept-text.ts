/** Where a text has NUL or half of a surrogate pair, which no text in Postgres can hold. */
export function unkeptText(value: unknown, path: string[] = []): string | undefined {
  const isUnkept = (text: string) => /[\0\p{Surrogate}]/u.test(text);
  if (typeof value === 'string') return isUnkept(value) ? path.join('.') : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    if (isUnkept(name)) return `a name in ${path.join('.') || 'it'}`;
    const found = unkeptText(member, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}
