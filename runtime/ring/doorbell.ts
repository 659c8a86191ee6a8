/**
 * How one thread wakes another: a counter that rises with every ring and a word that says whether somebody sleeps.
 *
 * A worker sleeps on the doorbell in its kernel's memory, the coordinator on one of its own. Sleeping is always in slices, because a terminated
 * worker can swallow a wake-up and because control messages need the event loop.
 *
 * Invariant: who sleeps has read the counter before it last looked for work, so no ring is missed.
 */

const COUNTER = 0
const WAITING = 1
export const DOORBELL_BYTES = 8

export class Doorbell {
  readonly #words: Int32Array

  constructor(buffer: ArrayBufferLike, offset = 0) {
    this.#words = new Int32Array(buffer, offset, 2)
  }

  /** Value to pass to a wait; read it before looking for work. */
  get counter(): number {
    return Atomics.load(this.#words, COUNTER)
  }

  /** Says that there may be work. Cheap when nobody sleeps. */
  ring(): void {
    Atomics.add(this.#words, COUNTER, 1)
    if (Atomics.load(this.#words, WAITING) !== 0) Atomics.notify(this.#words, COUNTER)
  }

  /** Sleeps until the counter is no longer `seen`, at most `timeoutMs`. Not on a page's main thread. */
  wait(seen: number, timeoutMs: number): void {
    Atomics.add(this.#words, WAITING, 1)
    Atomics.wait(this.#words, COUNTER, seen, timeoutMs)
    Atomics.sub(this.#words, WAITING, 1)
  }

  /** The same without blocking the thread; null where the platform cannot (then poll). */
  async waitAsync(seen: number, timeoutMs: number): Promise<void> {
    Atomics.add(this.#words, WAITING, 1)
    const { value } = Atomics.waitAsync(this.#words, COUNTER, seen, timeoutMs)
    await value
    Atomics.sub(this.#words, WAITING, 1)
  }

  /** Whether {@link waitAsync} exists here. */
  static get isAsyncSupported(): boolean {
    return typeof Atomics.waitAsync === 'function'
  }
}
