/** Types of Postgres' messages, by their first byte. */
const [READY_FOR_QUERY, NOTICE, NOTIFICATION, PARAMETER_STATUS] = [0x5a, 0x4e, 0x41, 0x53];

/** The type, and a length that counts itself. */
const HEADER = { bytes: 5, counted: 4 };

/** These come at any time, also where nothing was asked. */
const isAside = (type: number) =>
  type === NOTIFICATION || type === NOTICE || type === PARAMETER_STATUS;

/**
 * Finds where the answers of one connection to Postgres end, by the lengths of its messages: they
 * arrive in any pieces.
 */
export class AnswerEnds {
  #type = 0;
  #length = 0;
  /** How much of a header has been read. */
  #header = 0;
  /** How much of a body is still to come. */
  #body = 0;
  /** The state of the transaction that the last answer told; 0 where another has begun. */
  #state = 0;

  /**
   * @param chunk what comes next
   * @returns 0, or where an answer ends in it: the state of the transaction, as Postgres tells it
   */
  read(chunk: Buffer): number {
    this.#state = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#body === 0) {
        this.#readHeader(chunk[at] as number);
        at += 1;
        continue;
      }
      if (this.#type === READY_FOR_QUERY) this.#state = chunk[at] as number;
      const passed = Math.min(this.#body, chunk.length - at);
      this.#body -= passed;
      at += passed;
    }
    return this.#state;
  }

  #readHeader(byte: number): void {
    if (this.#header === 0) {
      this.#type = byte;
      this.#length = 0;
      if (!isAside(byte)) this.#state = 0;
    } else this.#length = (this.#length << 8) | byte;
    this.#header += 1;
    if (this.#header < HEADER.bytes) return;
    this.#body = Math.max(0, this.#length - HEADER.counted);
    this.#header = 0;
  }
}
