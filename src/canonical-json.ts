/** An object or array that is being written. */
interface Container {
  value: Record<string, unknown>;
  keys: string[];
  next: number;
  isArray: boolean;
}

/**
 * JSON that is the same for the same value, as in RFC 8785: no blanks, and keys in the order of
 * their UTF-16 code units. A stack replaces recursion, so a value may be nested as deeply as it
 * likes; the package `canonicalize` recurses.
 */
export function canonicalJson(value: unknown): string {
  const open: Container[] = [];
  let json = begin(value, open);
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const key = top.keys[top.next];
    if (key === undefined) {
      json += top.isArray ? ']' : '}';
      open.pop();
      continue;
    }
    if (top.next++ > 0) json += ',';
    if (!top.isArray) json += `${JSON.stringify(key)}:`;
    json += begin(top.value[key], open);
  }
  return json;
}

/** A simple value as a whole. Of another only its bracket: the members follow. */
function begin(value: unknown, open: Container[]): string {
  if (typeof value !== 'object' || value === null || value instanceof Date)
    return JSON.stringify(value) ?? 'null';
  const isArray = Array.isArray(value);
  const keys = isArray ? Object.keys(value) : Object.keys(value).sort();
  open.push({ value: value as Record<string, unknown>, keys, next: 0, isArray });
  return isArray ? '[' : '{';
}
