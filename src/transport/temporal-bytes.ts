// What Temporal takes only so many bytes of. Bundled with the workflow code.

/** Bytes that Temporal takes of a search attribute. With more it refuses the workflow task. */
const ATTRIBUTE_BYTES = 2048;

/** As many of these names of subscribers as a search attribute holds, as a list in JSON. */
export function namesThatFit(names: string[]): string[] {
  let bytes = '[]'.length;
  return names.filter((name) => {
    bytes += `"${name}",`.length;
    return bytes <= ATTRIBUTE_BYTES;
  });
}

/** Bytes that Temporal takes of a fairness key. With more it refuses the workflow task. */
const KEY_BYTES = 64;

/** How Temporal knows a share: by its name, or by a hash of it where that is too long. */
export function fairnessKey(share: string): string {
  const bytes = new TextEncoder().encode(share);
  if (bytes.length <= KEY_BYTES) return share;
  return BASES.map((basis) => fnv1a(bytes, basis).toString(16).padStart(8, '0')).join('');
}

/** Two hashes of 32 bits: of one, some ten thousand shares would have two alike. */
const BASES = [0x811c9dc5, 0xcbf29ce4];

function fnv1a(bytes: Uint8Array, basis: number): number {
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, basis);
}
