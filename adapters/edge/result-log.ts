/**
 * Results of a job in a Durable Object: every row in the order in which it came, and which rows are the newest of their window and key.
 *
 * Before: result-sink. After: answers, streams and webhooks, which read from a cursor on.
 *
 * A row has a number of its sink (the how manieth of the job's life) and a sequence of the log. After a crash the job gives rows again, with the same
 * numbers: those that are there already are compared and left alone, so clients see each once. A row that differs (a function of the user that is
 * not the same twice) is put behind as a new one, and counted.
 *
 * Invariant: of the rows of one window and key at most one is current.
 */

import type { RowObject } from '../../runtime/record-batch.ts'
import type { ObjectStorage, SqlStorage, SqlValue } from '../durable-object-store.ts'

/** As far as clients see it. */
export interface ResultRow {
  readonly seq: number
  readonly row: RowObject
  readonly pane: ResultPane
}

export interface ResultPane {
  readonly index: number
  /** 0: before the window was complete; 1: when it was; 2: after. */
  readonly timing: number
  /** `+I`: new; `-U`: takes back the one before, `+U` stands in its place; `-D`: takes it back for good. */
  readonly change: string
  readonly isLast: boolean
}

/** A row on its way in. */
export interface NewResult {
  /** The how manieth of its sink. */
  readonly number: number
  /** What it is the newest result of; null: of itself. */
  readonly id: string | null
  readonly row: string
  readonly pane: ResultPane
}

export interface ResultPage {
  readonly rows: readonly ResultRow[]
  /** Where to go on. */
  readonly cursor: number
  /** Whether rows behind the cursor that was given are gone: then `rows` are the current ones. */
  readonly isReset: boolean
}

interface StoredResult extends Record<string, SqlValue> {
  readonly seq: number
  readonly row: string
  readonly pane: string
}

/** Rows a page has at most, whatever is asked for, and about how many characters. */
const PAGE_ROWS_MAX = 10_000
const PAGE_CHARS_MAX = 1 << 20

export class ResultLog {
  readonly #storage: ObjectStorage
  readonly #sql: SqlStorage
  /** Rows that came again and were not the same. */
  differences = 0

  constructor(storage: ObjectStorage) {
    this.#storage = storage
    this.#sql = storage.sql
  }

  append(sink: string, rows: readonly NewResult[]): void {
    if (rows.length === 0) return
    this.#storage.transactionSync(() => {
      let known = this.#known(sink)
      for (const row of rows) {
        if (row.number < known && this.#isKnown(sink, row)) continue
        this.#insert(sink, row)
        known = Math.max(known, row.number + 1)
      }
    })
  }

  /** Rows of the sink so far. */
  #known(sink: string): number {
    return (
      (this.#sql
        .exec<{ most: number | null }>('SELECT max(number) AS most FROM millrace_results WHERE sink = ? AND number IS NOT NULL', sink)
        .toArray()[0]!.most ?? -1) + 1
    )
  }

  #isKnown(sink: string, { number, row, pane }: NewResult): boolean {
    const found = this.#sql
      .exec<StoredResult>('SELECT seq, row, pane FROM millrace_results WHERE sink = ? AND number = ?', sink, number)
      .toArray()[0]
    // Rows that are no longer kept were there.
    if (found === undefined || (found.row === row && found.pane === JSON.stringify(pane))) return true
    this.differences++
    this.#sql.exec('UPDATE millrace_results SET number = NULL WHERE seq = ?', found.seq)
    return false
  }

  #insert(sink: string, { number, id, row, pane }: NewResult): void {
    if (id !== null) this.#sql.exec('UPDATE millrace_results SET is_current = 0 WHERE sink = ? AND id = ? AND is_current = 1', sink, id)
    const isCurrent = pane.change === '+I' || pane.change === '+U'
    this.#sql.exec(
      'INSERT INTO millrace_results (sink, number, id, row, pane, is_current) VALUES (?, ?, ?, ?, ?, ?)',
      sink,
      number,
      id,
      row,
      JSON.stringify(pane),
      isCurrent ? 1 : 0,
    )
  }

  /** Sequence of the newest row of a sink; 0 when there is none. */
  newest(sink: string): number {
    return (
      this.#sql.exec<{ most: number | null }>('SELECT max(seq) AS most FROM millrace_results WHERE sink = ?', sink).toArray()[0]!.most ?? 0
    )
  }

  /** The rows behind a cursor, oldest first; without one the current rows, newest of each window and key. */
  page(sink: string, after: number | null, rowsMax = 1_000): ResultPage {
    const isReset = after !== null && after < this.#trimmedTo(sink)
    if (after !== null && !isReset) return { ...this.#behind(sink, after, rowsMax), isReset }
    const rows = this.#sql
      .exec<StoredResult>('SELECT seq, row, pane FROM millrace_results WHERE sink = ? AND is_current = 1 ORDER BY seq', sink)
      .toArray()
    return { rows: rows.map(shown), cursor: this.newest(sink), isReset }
  }

  #behind(sink: string, after: number, rowsMax: number): Omit<ResultPage, 'isReset'> {
    const rows: ResultRow[] = []
    let chars = 0
    const found = this.#sql.exec<StoredResult>(
      'SELECT seq, row, pane FROM millrace_results WHERE sink = ? AND seq > ? ORDER BY seq LIMIT ?',
      sink,
      after,
      Math.min(rowsMax, PAGE_ROWS_MAX),
    )
    for (const row of found.toArray()) {
      chars += row.row.length
      if (rows.length > 0 && chars > PAGE_CHARS_MAX) break
      rows.push(shown(row))
    }
    return { rows, cursor: rows.at(-1)?.seq ?? after }
  }

  /** Sequence of the newest row that is no longer kept; 0 when all are. */
  #trimmedTo(sink: string): number {
    const row = this.#sql.exec<{ value: string }>('SELECT value FROM millrace_edge WHERE name = ?', `trimmed ${sink}`).toArray()[0]
    return row === undefined ? 0 : Number(row.value)
  }

  /** Forgets all but the newest rows of a sink. */
  trim(sink: string, rowsMax: number): void {
    const last = this.#sql
      .exec<{ seq: number }>('SELECT seq FROM millrace_results WHERE sink = ? ORDER BY seq DESC LIMIT 1 OFFSET ?', sink, rowsMax)
      .toArray()[0]
    if (last === undefined) return
    this.#storage.transactionSync(() => {
      this.#sql.exec('DELETE FROM millrace_results WHERE sink = ? AND seq <= ?', sink, last.seq)
      this.#sql.exec('INSERT OR REPLACE INTO millrace_edge (name, value) VALUES (?, ?)', `trimmed ${sink}`, String(last.seq))
    })
  }
}

function shown({ seq, row, pane }: StoredResult): ResultRow {
  return { seq, row: JSON.parse(row) as RowObject, pane: JSON.parse(pane) as ResultPane }
}
