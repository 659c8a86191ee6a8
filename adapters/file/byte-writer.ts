/**
 * A byte buffer that grows, with the few texts a row is made of.
 *
 * Before: csv-encoder, ndjson-encoder. After: file-writer, which hands the bytes to the file and clears them.
 *
 * Invariant: `bytes[0, length)` is whole rows between two calls of an encoder.
 */

const encoder = new TextEncoder()

export class ByteWriter {
  bytes = new Uint8Array(1 << 16)
  length = 0

  clear(): void {
    this.length = 0
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.#reserve(1)
    this.bytes[this.length++] = value
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A text of ASCII characters, such as a number. */
  ascii(text: string): void {
    this.#reserve(text.length)
    const { bytes } = this
    let at = this.length
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.length = at
  }

  /** Any text as UTF-8; lone surrogates become U+FFFD. */
  utf8(text: string): void {
    this.#reserve(text.length * 3)
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written
  }

  /** The shortest text that reads back as the same number. Minus zero keeps its sign. */
  number(value: number): void {
    this.ascii(value === 0 && 1 / value < 0 ? '-0' : String(value))
  }

  #reserve(more: number): void {
    const least = this.length + more
    if (least <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(least, this.bytes.length * 2))
    larger.set(this.view())
    this.bytes = larger
  }
}
