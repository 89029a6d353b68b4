/**
 * One call at a time in a process, of those that a worker may have died of: the next one it kills takes no other of them down with it,
 * so that only the culprit is counted dead time and again.
 */
export class Quarantine {
  #taken = false;

  /** Whether the call may be made now; then `leave` must be called. */
  enter(): boolean {
    if (this.#taken) return false;
    this.#taken = true;
    return true;
  }

  leave(): void {
    this.#taken = false;
  }
}
