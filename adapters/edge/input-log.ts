/**
 * Everything that happens to a job in a Durable Object, in one order: rows for its sources, and time that passes.
 *
 * Before: requests, messages and alarms append. After: object-job takes entry by entry; after a crash it takes those behind the checkpoint again.
 *
 *     {"at":1700000000000,"source":"readings"}\n       when it came, and for which source; without a source only time passes
 *     {"device":"a", ...}\n{"device":"b", ...}\n       rows as lines of JSON
 *
 * Invariant: times of entries never go back. The newest entry is never trimmed, because it knows the time.
 */

import type { Clock } from '../../runtime/clock.ts'
import type { ObjectStorage } from '../durable-object-store.ts'
import { SqlJournal } from '../durable-object/sql-journal.ts'
import { fact, setFact } from './edge-tables.ts'

const NEWLINE = 0x0a
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface InputEntry {
  readonly atMs: number
  /** Null: only time passes. */
  readonly source: string | null
  readonly lines: Uint8Array
}

export interface InputLogOptions {
  readonly storage: ObjectStorage
  readonly checkClaim: () => void
  /** Checkpoints that a job may go back to. */
  readonly generations: number
  /** The wall clock. */
  readonly wall: Clock
}

export class InputLog {
  readonly #options: InputLogOptions
  readonly #journal: SqlJournal
  #lastAtMs: number
  readonly bornMs: number

  constructor(options: InputLogOptions) {
    this.#options = options
    const { storage, checkClaim, wall } = options
    this.#journal = new SqlJournal({ storage, name: 'input', checkClaim })
    const born = fact<number>(storage.sql, 'born')
    this.bornMs = born ?? wall.now()
    if (born === null) setFact(storage.sql, 'born', this.bornMs)
    this.#lastAtMs = this.#journal.end > this.#journal.begin ? this.read(this.#journal.end - 1).atMs : this.bornMs
  }

  /** Numbers of the oldest entry, and of the next. */
  get begin(): number {
    return this.#journal.begin
  }

  get end(): number {
    return this.#journal.end
  }

  get byteLength(): number {
    return this.#journal.byteLength
  }

  /** Now, as far as the log is concerned. */
  nowMs(): number {
    return Math.max(this.#options.wall.now(), this.#lastAtMs)
  }

  /**
   * Appends rows, all or none. They are durable before any answer leaves the object.
   *
   * @param parts - Lines of JSON, each part ending in a newline.
   * @param alongside - Writes more in the same transaction.
   */
  append(source: string, parts: readonly Uint8Array[], alongside?: () => void): void {
    const atMs = this.nowMs()
    const header = encoder.encode(`${JSON.stringify({ at: atMs, source })}\n`)
    const entries = parts.map((lines) => {
      const entry = new Uint8Array(header.length + lines.length)
      entry.set(header)
      entry.set(lines, header.length)
      return entry
    })
    this.#journal.appendNow(entries, alongside)
    this.#lastAtMs = atMs
  }

  /** Appends that time has passed. */
  tick(): void {
    const atMs = this.nowMs()
    this.#journal.appendNow([encoder.encode(`${JSON.stringify({ at: atMs })}\n`)])
    this.#lastAtMs = atMs
  }

  read(number: number): InputEntry {
    const bytes = this.#journal.readNow(number, 1)[0]!
    const end = bytes.indexOf(NEWLINE)
    const { at, source } = JSON.parse(decoder.decode(bytes.subarray(0, end))) as { at: number; source?: string }
    return { atMs: at, source: source ?? null, lines: bytes.subarray(end + 1) }
  }

  /** A checkpoint in front of entry `position` was completed: what no kept checkpoint needs is trimmed. */
  checkpointed(position: number): void {
    const { storage, generations } = this.#options
    const before = fact<number[]>(storage.sql, 'positions') ?? []
    const positions = [...before, position].slice(-generations)
    setFact(storage.sql, 'positions', positions)
    if (positions.length === generations) this.#journal.trimNow(Math.min(positions[0]!, this.end - 1))
  }
}
