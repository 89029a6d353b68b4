// Bundled with the workflow code, as what it may import is here.

/** Bytes that Temporal takes of a search attribute. With more it refuses the workflow task. */
const MOST_BYTES = 2048;

/** As many of these names of subscribers as a search attribute holds, as a list in JSON. */
export function namesThatFit(names: string[]): string[] {
  let bytes = '[]'.length;
  return names.filter((name) => {
    bytes += `"${name}",`.length;
    return bytes <= MOST_BYTES;
  });
}
