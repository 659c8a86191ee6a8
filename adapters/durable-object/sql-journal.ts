/**
 * A journal in the SQL storage of a Durable Object.
 *
 * Before: a source of messages, or a job that lives in the object. After: the tables `millrace_journals` and `millrace_entries`.
 * An object's output gate holds back every answer until what was written before it is durable; {@link SqlJournal.append} waits for that too.
 *
 * Invariant: first ≤ next, and every number from first to next - 1 has its pieces, in the same transaction that says so.
 */

import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import { crc32 } from './crc32.ts'
import { type ObjectStorage, type SqlStorage, sqlOf, stored, storedLater } from './object-storage.ts'
import { joined, type PieceRow, piecesOf } from './pieces.ts'

export interface SqlJournalOptions {
  readonly storage: ObjectStorage
  readonly name: string
  /** Throws when its owner has no right to write any more. */
  readonly checkClaim: () => void
  readonly onClose?: () => void
}

interface EntryRow extends PieceRow {
  readonly number: number
  readonly crc: number
}

export class SqlJournal implements Journal {
  readonly #storage: ObjectStorage
  readonly #sql: SqlStorage
  readonly #name: string
  readonly #checkClaim: () => void
  readonly #onClose: () => void
  #isClosed = false
  begin: number
  end: number
  byteLength: number

  constructor({ storage, name, checkClaim, onClose = () => {} }: SqlJournalOptions) {
    this.#storage = storage
    this.#sql = sqlOf(storage)
    this.#name = name
    this.#checkClaim = checkClaim
    this.#onClose = onClose
    const row = this.#sql
      .exec<{ first: number; next: number; bytes: number }>('SELECT first, next, bytes FROM millrace_journals WHERE name = ?', name)
      .toArray()[0]
    this.begin = row?.first ?? 0
    this.end = row?.next ?? 0
    this.byteLength = row?.bytes ?? 0
  }

  async append(entries: readonly Uint8Array[]): Promise<number> {
    const first = this.appendNow(entries)
    await storedLater('append to the journal', () => this.#storage.sync())
    return first
  }

  /**
   * Appends at once. It is durable only when the storage says so, which the object's answers wait for.
   *
   * @param alongside - Writes more in the same transaction.
   */
  appendNow(entries: readonly Uint8Array[], alongside: () => void = () => {}): number {
    const first = this.end
    let bytes = 0
    this.#write('append to the journal', () => {
      for (const [index, entry] of entries.entries()) {
        bytes += entry.length
        const crc = crc32(entry)
        for (const piece of piecesOf(entry)) {
          this.#sql.exec(
            'INSERT INTO millrace_entries (journal, number, part, crc, bytes) VALUES (?, ?, ?, ?, ?)',
            this.#name,
            first + index,
            piece.part,
            crc,
            piece.bytes,
          )
        }
      }
      this.#save(this.begin, first + entries.length, this.byteLength + bytes)
      alongside()
    })
    this.end = first + entries.length
    this.byteLength += bytes
    return first
  }

  async read(from: number, countMax: number): Promise<readonly Uint8Array[]> {
    return this.readNow(from, countMax)
  }

  /** The same without a promise. */
  readNow(from: number, countMax: number): readonly Uint8Array[] {
    if (!Number.isSafeInteger(from) || from < this.begin || from > this.end) {
      throw new RangeError(`Cannot read entry ${from} of journal ${this.#name}: it has those from ${this.begin} to ${this.end - 1}`)
    }
    const to = Math.min(this.end, from + countMax)
    const rows = stored('read the journal', () =>
      this.#sql
        .exec<EntryRow>(
          'SELECT number, part, crc, bytes FROM millrace_entries WHERE journal = ? AND number >= ? AND number < ? ORDER BY number, part',
          this.#name,
          from,
          to,
        )
        .toArray(),
    )
    const byNumber = Map.groupBy(rows, ({ number }) => number)
    return Array.from({ length: Math.max(0, to - from) }, (_, index) => this.#entry(from + index, byNumber.get(from + index) ?? []))
  }

  async trim(before: number): Promise<void> {
    this.trimNow(before)
  }

  /** The same without a promise. */
  trimNow(before: number): void {
    if (before > this.end) throw new RangeError(`Cannot trim journal ${this.#name} to entry ${before}: it ends at ${this.end}`)
    if (before <= this.begin) {
      this.#write('trim the journal', () => {})
      return
    }
    const to = before
    let bytes = 0
    this.#write('trim the journal', () => {
      const where = 'FROM millrace_entries WHERE journal = ? AND number < ?'
      bytes = this.#sql
        .exec<{ bytes: number }>(`SELECT coalesce(sum(length(bytes)), 0) AS bytes ${where}`, this.#name, to)
        .toArray()[0]!.bytes
      this.#sql.exec(`DELETE ${where}`, this.#name, to)
      this.#save(to, this.end, this.byteLength - bytes)
    })
    this.begin = to
    this.byteLength -= bytes
  }

  close(): Promise<void> {
    if (!this.#isClosed) this.#onClose()
    this.#isClosed = true
    return Promise.resolve()
  }

  #entry(number: number, rows: readonly EntryRow[]): Uint8Array {
    const bytes = joined(rows)
    if (bytes !== null && crc32(bytes) === rows[0]!.crc) return bytes
    throw new CheckpointError('CHECKPOINT_CORRUPT', `Entry ${number} of journal ${this.#name} is ${bytes === null ? 'gone' : 'damaged'}`, {
      details: { journal: this.#name, number },
    })
  }

  #write(what: string, run: () => void): void {
    if (this.#isClosed) throw new JobStateError('JOB_CLOSED', `The journal ${this.#name} is closed; open it again`)
    stored(what, () =>
      this.#storage.transactionSync(() => {
        this.#checkClaim()
        run()
      }),
    )
  }

  #save(first: number, next: number, bytes: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO millrace_journals (name, first, next, bytes) VALUES (?, ?, ?, ?)',
      this.#name,
      first,
      next,
      bytes,
    )
  }
}
