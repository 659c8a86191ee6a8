/**
 * Strings as codes: a producer interns every string once and columns carry its u32 code.
 *
 * Readers intern bytes straight from a file ({@link Dictionary.codeOfBytes}) or JavaScript strings; the router sends the UTF-8
 * of codes a worker has not seen, before the first batch that uses them. Codes are dense, from 0, in order of first appearance.
 *
 * Invariant: two strings have one code exactly when their UTF-8 bytes are equal.
 */

const encoder = new TextEncoder()
// A byte order mark is a character like others here: without this, two codes would give one string.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Dictionary {
  /** Distinguishes dictionaries that follow each other on one stream; see the kernel's SLOT_GENERATION. */
  readonly generation: number
  #byString = new Map<string, number>()
  #strings: (string | undefined)[] = []
  #bytes = new Uint8Array(1 << 12)
  #ends = new Uint32Array(1 << 8)
  #hashes = new Uint32Array(1 << 8)
  #table = new Uint32Array(1 << 9)
  #size = 0

  constructor(generation = 0) {
    this.generation = generation
  }

  /** Number of codes given out. */
  get size(): number {
    return this.#size
  }

  /** Bytes of UTF-8 held, a measure of memory. */
  get byteLength(): number {
    return this.#size === 0 ? 0 : this.#ends[this.#size - 1]!
  }

  /** Code of a string, new if it was not seen before. Lone surrogates become U+FFFD, as everywhere in UTF-8. */
  codeOf(text: string): number {
    const known = this.#byString.get(text)
    if (known !== undefined) return known
    const bytes = encoder.encode(text)
    const code = this.codeOfBytes(bytes, 0, bytes.length)
    this.#byString.set(text, code)
    return code
  }

  /** Code of the well-formed UTF-8 in `bytes[start, end)`, new if it was not seen before. */
  codeOfBytes(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end)
    const mask = this.#table.length - 1
    let at = hash & mask
    for (;;) {
      const entry = this.#table[at]!
      if (entry === 0) break
      if (this.#hashes[entry - 1] === hash && this.#equals(entry - 1, bytes, start, end)) return entry - 1
      at = (at + 1) & mask
    }
    return this.#insert(hash, at, bytes, start, end)
  }

  /** The string of a code. */
  stringAt(code: number): string {
    const known = this.#strings[code]
    if (known !== undefined) return known
    const text = decoder.decode(this.bytesAt(code))
    this.#strings[code] = text
    return text
  }

  /** The UTF-8 of a code, a view that is valid until the next insertion. */
  bytesAt(code: number): Uint8Array {
    return this.#bytes.subarray(code === 0 ? 0 : this.#ends[code - 1]!, this.#ends[code]!)
  }

  /** A hash of the code's bytes: the same on every platform, so that a key finds the same key group everywhere. */
  hashAt(code: number): number {
    return this.#hashes[code]!
  }

  #equals(code: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = code === 0 ? 0 : this.#ends[code - 1]!
    const length = end - start
    if (this.#ends[code]! - from !== length) return false
    const own = this.#bytes
    for (let i = 0; i < length; i++) if (own[from + i] !== bytes[start + i]) return false
    return true
  }

  #insert(hash: number, at: number, bytes: Uint8Array, start: number, end: number): number {
    const code = this.#size
    const from = this.byteLength
    const length = end - start
    if (from + length > this.#bytes.length) this.#bytes = grown(this.#bytes, from + length)
    if (code === this.#ends.length) {
      this.#ends = grown(this.#ends, code + 1)
      this.#hashes = grown(this.#hashes, code + 1)
    }
    for (let i = 0; i < length; i++) this.#bytes[from + i] = bytes[start + i]!
    this.#ends[code] = from + length
    this.#hashes[code] = hash
    this.#table[at] = code + 1
    this.#size = code + 1
    if (this.#size * 2 > this.#table.length) this.#rehash()
    return code
  }

  #rehash(): void {
    const table = new Uint32Array(this.#table.length * 2)
    const mask = table.length - 1
    for (let code = 0; code < this.#size; code++) {
      let at = this.#hashes[code]! & mask
      while (table[at] !== 0) at = (at + 1) & mask
      table[at] = code + 1
    }
    this.#table = table
  }
}

function grown<T extends Uint8Array | Uint32Array>(array: T, least: number): T {
  const larger = new (array.constructor as new (length: number) => T)(Math.max(array.length * 2, least))
  larger.set(array)
  return larger
}

/** FNV-1a over the bytes, finished as MurmurHash3 does, so that low bits are usable as a table index. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return mix(hash)
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain): every input bit reaches every output bit. */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
