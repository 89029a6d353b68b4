/** An object or array that is being written. */
interface Open {
  value: Record<string, unknown>;
  keys: string[];
  next: number;
  isArray: boolean;
}

/**
 * JSON that is the same for the same value: no blanks, and each object's keys in the order of their
 * UTF-16 code units (as in RFC 8785). The value is one that came from JSON, nested as deeply as it
 * likes: hence a list of what is open and no recursion.
 */
export function canonicalJson(value: unknown): string {
  const open: Open[] = [];
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

/** The whole of a simple value; of another its bracket, its members being left to come. */
function begin(value: unknown, open: Open[]): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isArray = Array.isArray(value);
  const keys = isArray ? Object.keys(value) : Object.keys(value).sort();
  open.push({ value: value as Record<string, unknown>, keys, next: 0, isArray });
  return isArray ? '[' : '{';
}
