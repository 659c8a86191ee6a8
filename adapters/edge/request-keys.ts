/**
 * What was taken already: keys of requests with their answers, and the last message of each producer.
 *
 * Before: ingestion asks, and notes in the transaction that appends the rows. After: a client that tries again gets the first answer.
 *
 * Invariant: a key is noted if and only if its rows are in the log.
 */

import { RecordError } from '../../runtime/errors.ts'
import type { SqlStorage } from '../durable-object-store.ts'

export class RequestKeys {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /**
   * The answer that a request of this key was given; null when there was none.
   *
   * @throws RecordError `KEY_REUSED` when the key came with another body.
   */
  answer<T>(key: string, digest: string): T | null {
    const row = this.#sql
      .exec<{ digest: string; answer: string }>('SELECT digest, answer FROM millrace_requests WHERE key = ?', key)
      .toArray()[0]
    if (row === undefined) return null
    if (row.digest === digest) return JSON.parse(row.answer) as T
    throw new RecordError('KEY_REUSED', `The Idempotency-Key ${key} came before with another body; give every request a key of its own`, {
      details: { key },
    })
  }

  note(key: string, digest: string, answer: unknown, atMs: number): void {
    this.#sql.exec(
      'INSERT INTO millrace_requests (key, digest, answer, at) VALUES (?, ?, ?, ?)',
      key,
      digest,
      JSON.stringify(answer),
      Math.floor(atMs),
    )
  }

  /** Number of the last message of a producer that was taken; 0 before the first. */
  last(producer: string): number {
    return this.#sql.exec<{ last: number }>('SELECT last FROM millrace_producers WHERE name = ?', producer).toArray()[0]?.last ?? 0
  }

  setLast(producer: string, last: number, atMs: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO millrace_producers (name, last, at) VALUES (?, ?, ?)', producer, last, Math.floor(atMs))
  }

  /** Forgets what is older. */
  prune(beforeMs: number): void {
    this.#sql.exec('DELETE FROM millrace_requests WHERE at < ?', Math.floor(beforeMs))
    this.#sql.exec('DELETE FROM millrace_producers WHERE at < ?', Math.floor(beforeMs))
  }
}
