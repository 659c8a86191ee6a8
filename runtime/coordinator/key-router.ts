/**
 * key → key group → subtask. Computed once here; the kernel only stores the group it is told.
 *
 * Before: the intake's batches. After: exchange, which writes each subtask's rows into its ring.
 *
 * Invariant: a key's group depends on the key's value and `keyGroupCount` alone, never on codes, platform or parallelism.
 */

import { type Dictionary, mix } from '../dictionary.ts'
import type { Column, RecordBatch } from '../record-batch.ts'

/** The subtask that owns a key group: contiguous ranges, as even as they can be. */
export function subtaskOfKeyGroup(keyGroup: number, keyGroupCount: number, parallelism: number): number {
  return Math.floor((keyGroup * parallelism) / keyGroupCount)
}

const bits = new DataView(new ArrayBuffer(8))
const NULL_HASH = 0x9e3779b9

/** Hash of a number: −0 is +0, and all NaNs are one. */
export function hashNumber(value: number): number {
  if (value === 0) return mix(0)
  bits.setFloat64(0, Number.isNaN(value) ? Number.NaN : value)
  return mix(bits.getUint32(0) ^ mix(bits.getUint32(4) + 0x5bd1e995))
}

export class KeyRouter {
  readonly #keyColumns: readonly number[]
  readonly #keyGroupCount: number
  readonly #isString: boolean
  #dictionary: Dictionary | null = null
  #groupOfCode = new Uint16Array(0)
  #known = 0
  /** Key group of each row of the batch last routed. */
  groups: Uint16Array

  /**
   * @param keyColumns - Indices of the key columns in the batches; empty: everything is one group.
   * @param isString - Whether there is one key column and it holds codes.
   */
  constructor(keyColumns: readonly number[], isString: boolean, keyGroupCount: number, batchRowsMax: number) {
    this.#keyColumns = keyColumns
    this.#isString = isString
    this.#keyGroupCount = keyGroupCount
    this.groups = new Uint16Array(batchRowsMax)
  }

  /** Group of a code of the one string key. */
  groupOfCode(code: number): number {
    return this.#groupOfCode[code]!
  }

  /** Fills {@link groups} for the rows of a batch. */
  route(batch: RecordBatch): void {
    if (this.#keyColumns.length === 0) return
    if (this.groups.length < batch.rowCount) this.groups = new Uint16Array(batch.rowCount)
    if (this.#isString) this.#routeCodes(batch.columns[this.#keyColumns[0]!]!, batch.rowCount)
    else this.#routeHashes(batch)
  }

  #routeCodes(column: Column, rowCount: number): void {
    this.learn(column.dictionary as Dictionary)
    const { values, validity } = column
    const groups = this.groups
    const groupOfCode = this.#groupOfCode
    for (let row = 0; row < rowCount; row++) groups[row] = groupOfCode[values[row]!]!
    if (validity !== null) for (let row = 0; row < rowCount; row++) if (validity[row] === 0) groups[row] = 0
  }

  /** Computes the groups of codes that were added to the dictionary since the last call. */
  learn(dictionary: Dictionary): void {
    if (dictionary !== this.#dictionary) {
      this.#dictionary = dictionary
      this.#known = 0
    }
    const size = dictionary.size
    if (size > this.#groupOfCode.length) {
      const larger = new Uint16Array(Math.max(256, size * 2))
      larger.set(this.#groupOfCode)
      this.#groupOfCode = larger
    }
    for (; this.#known < size; this.#known++) this.#groupOfCode[this.#known] = dictionary.hashAt(this.#known) % this.#keyGroupCount
  }

  #routeHashes(batch: RecordBatch): void {
    const groups = this.groups
    const count = this.#keyGroupCount
    const columns = this.#keyColumns.map((index) => batch.columns[index]!)
    for (let row = 0; row < batch.rowCount; row++) {
      let hash = 0
      for (const column of columns) hash = (Math.imul(hash, 31) + cellHash(column, row)) | 0
      groups[row] = mix(hash) % count
    }
  }
}

function cellHash(column: Column, row: number): number {
  if (column.validity !== null && column.validity[row] === 0) return NULL_HASH
  const value = column.values[row]!
  return column.type === 'utf8' ? (column.dictionary as Dictionary).hashAt(value) : hashNumber(value)
}
