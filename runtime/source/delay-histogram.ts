/**
 * How late records come: counts of delays in buckets that grow with the delay, and quantiles of them.
 *
 * Before: record-strategies.ts, record by record. After: the delay that a watermark allows for.
 * Buckets as in HdrHistogram: one for each millisecond up to 255, then 128 for each doubling.
 *
 * Invariant: a quantile is never less than the exact one, and at most 1/128 of it more; up to 255 ms it is exact.
 */

const EXACT = 256
const HALF = EXACT / 2
/** A delay is at most the whole range of timestamps: less than 2^54 ms. */
const BUCKETS = HALF * 48
const SHIFT = 24

/** The bucket of a delay: a whole number of milliseconds from 0. */
export function bucketOf(delayMs: number): number {
  if (delayMs < EXACT) return delayMs
  const shift = delayMs >= 2 ** 32 ? SHIFT : 0
  const head = shift === 0 ? delayMs : Math.floor(delayMs / 2 ** SHIFT)
  const halvings = 24 - Math.clz32(head)
  return HALF * (halvings + shift) + (head >>> halvings)
}

/** The largest delay of a bucket. */
export function largestOf(bucket: number): number {
  if (bucket < EXACT) return bucket
  return ((bucket & (HALF - 1)) + HALF + 1) * 2 ** ((bucket >>> 7) - 1) - 1
}

export class DelayHistogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #total = 0
  /** Where the last quantile was, and how many delays are in buckets before: the next one is not far. */
  #cursor = 0
  #before = 0

  get total(): number {
    return this.#total
  }

  add(bucket: number, count = 1): void {
    this.#counts[bucket]! += count
    this.#total += count
    if (bucket < this.#cursor) this.#before += count
  }

  remove(bucket: number): void {
    this.#counts[bucket]!--
    this.#total--
    if (bucket < this.#cursor) this.#before--
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
    this.#cursor = 0
    this.#before = 0
  }

  /** The least delay that at least p of all are not above (nearest rank); 0 when there are none. */
  quantile(p: number): number {
    if (this.#total === 0) return 0
    const rank = Math.max(1, Math.ceil(p * this.#total))
    while (this.#before + this.#counts[this.#cursor]! < rank) this.#before += this.#counts[this.#cursor++]!
    while (this.#before >= rank) this.#before -= this.#counts[--this.#cursor]!
    return largestOf(this.#cursor)
  }

  /** Buckets that are not empty, as `[bucket, count, bucket, count …]`. */
  snapshot(): number[] {
    const pairs: number[] = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) pairs.push(bucket, count)
    })
    return pairs
  }

  restore(pairs: readonly number[]): void {
    this.clear()
    for (let at = 0; at < pairs.length; at += 2) this.add(pairs[at]!, pairs[at + 1])
  }
}
