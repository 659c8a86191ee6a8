/**
 * Divides one CSV record into fields, by RFC 4180: the careful path, also used for the header.
 *
 * Before: line-buffer. After: csv-decoder, which turns fields into cells.
 *
 * A quote opens a field only as its first byte; what follows a closing quote is a delimiter or the end of the line. A NUL or a
 * carriage return without newline is allowed in quotes only.
 *
 * Invariant: after `record`, field i is `bytes[starts[i], ends[i])`, without its quotes.
 */

const NEWLINE = 0x0a
const RETURN = 0x0d
const QUOTE = 0x22

export const PLAIN = 0
export const QUOTED = 1
/** Quoted, with doubled quotes inside. */
export const DOUBLED = 2

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class CsvRecord {
  readonly #delimiter: number
  count = 0
  readonly starts: number[] = []
  readonly ends: number[] = []
  readonly quoting: number[] = []
  /** After the newline; of a malformed record: where it was noticed. */
  next = 0
  /** Lines that the record covers. */
  lines = 0
  /** Why it is malformed. */
  reason = ''

  constructor(delimiter: number) {
    this.#delimiter = delimiter
  }

  /** Scans the record at `from`. `incomplete`: it does not end before `end`. */
  scan(bytes: Uint8Array, from: number, end: number): 'record' | 'incomplete' | 'malformed' {
    this.count = 0
    this.lines = 1
    let p = from
    for (;;) {
      const after = bytes[p] === QUOTE ? this.#quoted(bytes, p, end) : this.#plain(bytes, p, end)
      if (after < 0) return this.reason === '' ? 'incomplete' : 'malformed'
      const byte = bytes[after]!
      if (byte === this.#delimiter) {
        p = after + 1
        if (p >= end) return 'incomplete'
        continue
      }
      this.next = byte === NEWLINE ? after + 1 : after + 2
      return 'record'
    }
  }

  /** Text of a field. */
  text(bytes: Uint8Array, field: number): string {
    const text = decoder.decode(bytes.subarray(this.starts[field]!, this.ends[field]!))
    return this.quoting[field] === DOUBLED ? text.replaceAll('""', '"') : text
  }

  #add(start: number, end: number, quoting: number): void {
    this.starts[this.count] = start
    this.ends[this.count] = end
    this.quoting[this.count] = quoting
    this.count++
  }

  /** @returns where the delimiter or the end of the line is; -1: incomplete, or malformed if there is a reason. */
  #plain(bytes: Uint8Array, from: number, end: number): number {
    this.reason = ''
    for (let p = from; p < end; p++) {
      const byte = bytes[p]!
      if (byte === this.#delimiter || byte === NEWLINE || (byte === RETURN && p + 1 < end && bytes[p + 1] === NEWLINE)) {
        this.#add(from, p, PLAIN)
        return p
      }
      if (byte === RETURN && p + 1 >= end) return -1
      if (byte === QUOTE || byte === RETURN || byte === 0) {
        const what = byte === QUOTE ? 'a quote' : byte === RETURN ? 'a carriage return' : 'a NUL'
        this.reason = `Field ${this.count + 1} has ${what} inside; put the field in quotes and double its quotes`
        this.next = p
        return -1
      }
    }
    return -1
  }

  #quoted(bytes: Uint8Array, from: number, end: number): number {
    this.reason = ''
    let quoting = QUOTED
    let lines = 0
    for (let p = from + 1; p < end; p++) {
      const byte = bytes[p]!
      if (byte === NEWLINE) lines++
      if (byte !== QUOTE) continue
      if (p + 1 >= end) return -1
      const after = bytes[p + 1]!
      if (after === QUOTE) {
        quoting = DOUBLED
        p++
        continue
      }
      if (after === RETURN && p + 2 >= end) return -1
      if (after === this.#delimiter || after === NEWLINE || (after === RETURN && bytes[p + 2] === NEWLINE)) {
        this.#add(from + 1, p, quoting)
        this.lines += lines
        return p + 1
      }
      this.reason = `Field ${this.count + 1} goes on after its closing quote; double the quotes inside it`
      this.next = p
      return -1
    }
    return -1
  }
}
