/**
 * Random numbers for tests: the same seed gives the same numbers on every platform.
 *
 * Before: a seed, printed by every failing random test. After: streams, plans and faults made of it.
 *
 * Invariant: nothing but the seed and the calls made so far decides what comes next.
 */

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty for test data. */
export class Prng {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** An integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }

  pick<T>(array: readonly T[]): T {
    return array[this.int(array.length)]!
  }
}
