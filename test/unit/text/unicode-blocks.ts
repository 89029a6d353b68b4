/** A stretch of 128 code points, as the blocks of Unicode begin and end. */
export interface Block {
  name: string;
  /** All of its characters that text can hold. */
  characters: string;
}

const STEP = 0x80;

/** Every character there is, without halves of pairs and NUL. */
export function* everyBlock(): Generator<Block> {
  for (let start = 0; start < 0x11_0000; start += STEP) {
    if (start >= 0xd800 && start < 0xe000) continue;
    // Planes without characters, and those for private use, are all alike.
    if (start >= 0x4_0000 && start < 0xe_0000) continue;
    if (start >= 0xe_1000 && start < 0x10_ff00) continue;
    const points = Array.from({ length: STEP }, (_, i) => start + i).filter((point) => point > 0);
    yield {
      name: `U+${start.toString(16).toUpperCase().padStart(4, '0')}`,
      characters: String.fromCodePoint(...points),
    };
  }
}
