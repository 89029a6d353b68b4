/** Bytes that Temporal takes. With more it refuses all that a workflow task answers. */
const MOST_BYTES = 64;

/** How Temporal knows a share: by its name, or by a hash of it where that is too long. */
export function fairnessKey(share: string): string {
  const bytes = new TextEncoder().encode(share);
  if (bytes.length <= MOST_BYTES) return share;
  return BASES.map((basis) => fnv1a(bytes, basis).toString(16).padStart(8, '0')).join('');
}

/** Two hashes of 32 bits: of one, some ten thousand shares would have two alike. */
const BASES = [0x811c9dc5, 0xcbf29ce4];

function fnv1a(bytes: Uint8Array, basis: number): number {
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, basis);
}
