/**
 * Writing and reading the chunks of operators with state: numbers, strings and arrays, little-endian, without padding.
 *
 * Before and after: the operators of this folder; checkpoint/ frames a chunk with magic, length and checksum.
 * Every chunk begins with the number of its format and a letter for what it holds.
 *
 * Invariant: a reader never reads past the end and never leaves bytes over; what does not add up is `CHECKPOINT_CORRUPT`.
 */

import { CheckpointError } from '../errors.ts'
import type { Value } from '../record-batch.ts'

const FORMAT = 1
const NULL = 0
const NUMBER = 1
const STRING = 2
const FALSE = 3
const TRUE = 4

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class StateWriter {
  #bytes = new Uint8Array(1 << 10)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  /** @param kind - One letter: what the chunk holds. */
  constructor(kind: string) {
    this.byte(FORMAT)
    this.byte(kind.charCodeAt(0))
  }

  get byteLength(): number {
    return this.#at
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  value(value: Value): void {
    if (value === null) this.byte(NULL)
    else if (typeof value === 'boolean') this.byte(value ? TRUE : FALSE)
    else if (typeof value === 'number') {
      this.byte(NUMBER)
      this.f64(value)
    } else if (typeof value === 'string') {
      this.byte(STRING)
      this.bytes(encoder.encode(value))
    } else throw new TypeError('Lists and objects are only in results of windows')
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at)
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + length))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

export class StateReader {
  readonly kind: string
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const format = this.byte()
    if (format !== FORMAT) throw this.corrupt(`its format is ${format} instead of ${FORMAT}`)
    this.kind = String.fromCharCode(this.byte())
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** A number of things of at least `bytesEach` that follow: never more than there can be. */
  count(bytesEach: number): number {
    const count = this.u32()
    if (count * bytesEach > this.#bytes.length - this.#at) throw this.corrupt(`it cannot hold ${count} entries`)
    return count
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** A view of the bytes, which lives as long as the chunk. */
  bytes(): Uint8Array {
    const length = this.u32()
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }

  value(): Value {
    const tag = this.byte()
    switch (tag) {
      case NULL:
        return null
      case NUMBER:
        return this.f64()
      case STRING:
        return decoder.decode(this.bytes())
      case FALSE:
      case TRUE:
        return tag === TRUE
      default:
        throw this.corrupt(`there is no value of kind ${tag}`)
    }
  }

  /** @throws CheckpointError when something is left over. */
  finish(): void {
    if (!this.isAtEnd) throw this.corrupt(`${this.#bytes.length - this.#at} bytes are left over`)
  }

  corrupt(what: string): CheckpointError {
    return new CheckpointError('CHECKPOINT_CORRUPT', `A state chunk of an operator is damaged at byte ${this.#at}: ${what}`)
  }

  #take(length: number): number {
    const from = this.#at
    if (from + length > this.#bytes.length) throw this.corrupt(`it ends ${from + length - this.#bytes.length} bytes too early`)
    this.#at = from + length
    return from
  }
}
