import { createHash } from 'node:crypto';

/** Slots at first, a power of two: of two numbers each. */
const FIRST = 1024;

/**
 * Names of messages, by 64 bits of a digest: 12 to 24 bytes of memory each, however long they are.
 * That two of ten million are taken for one has a chance of one in 370,000.
 */
export class NameSet {
  #slots = new Uint32Array(2 * FIRST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Memory that it takes. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  add(name: string): void {
    if (!this.#put(...digestOf(name))) return;
    this.#size += 1;
    if (this.#size * 3 > this.#slots.length) this.#grow();
  }

  has(name: string): boolean {
    const [high, low] = digestOf(name);
    const at = this.#find(high, low);
    return this.#slots[at + 1] === low && this.#slots[at] === high;
  }

  /** Where it is, or would be. A slot of zeros is free. */
  #find(high: number, low: number): number {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    let slot = low & mask;
    while ((slots[2 * slot + 1] !== low || slots[2 * slot] !== high) && slots[2 * slot + 1] !== 0)
      slot = (slot + 1) & mask;
    return 2 * slot;
  }

  /** @returns whether it is new */
  #put(high: number, low: number): boolean {
    const at = this.#find(high, low);
    if (this.#slots[at + 1] !== 0) return false;
    this.#slots[at] = high;
    this.#slots[at + 1] = low;
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2)
      if (old[at + 1] !== 0) this.#put(old[at]!, old[at + 1]!);
  }
}

/** The second half is never 0. */
function digestOf(name: string): [high: number, low: number] {
  const digest = createHash('sha256').update(name).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4) || 1];
}
