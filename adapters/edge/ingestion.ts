/**
 * Takes rows into the log: once for each key, once for each number of a producer, durable before the sender hears of it.
 *
 * Before: requests and messages. After: object-job, which processes the log.
 *
 * Invariant: what was acknowledged is in the log exactly once.
 */

import { RecordError } from '../../runtime/errors.ts'
import type { SqlStorage } from '../durable-object-store.ts'
import type { IngestLines } from './ingest-body.ts'
import type { ObjectJob } from './object-job.ts'
import { RequestKeys } from './request-keys.ts'

export interface IngestAnswer {
  /** Rows that were taken, those that become dead letters included. */
  readonly rows: number
  /** Where in the object's log they are: the first entry, and the one behind the last. */
  readonly from: number
  readonly to: number
  /** Whether this is the answer to an earlier request of the same key or number. */
  readonly isRepeated: boolean
}

export class Ingestion {
  readonly #job: ObjectJob
  readonly #keys: RequestKeys
  readonly #keptMs: number
  #prunedMs = 0

  constructor(job: ObjectJob, sql: SqlStorage, keptMs: number) {
    this.#job = job
    this.#keys = new RequestKeys(sql)
    this.#keptMs = keptMs
  }

  /**
   * Rows of a request. With a key they are taken once, however often the request comes.
   *
   * @throws RecordError `KEY_REUSED`
   */
  take(source: string, lines: IngestLines, key: { readonly name: string; readonly digest: string } | null = null): IngestAnswer {
    const before = key === null ? null : this.#keys.answer<IngestAnswer>(key.name, key.digest)
    if (before !== null) return { ...before, isRepeated: true }
    const answer = this.#answer(lines)
    this.#append(source, lines, (atMs) => {
      if (key !== null) this.#keys.note(key.name, key.digest, answer, atMs)
    })
    return answer
  }

  /** Number of the last message of a producer that was taken. */
  last(producer: string): number {
    return this.#keys.last(producer)
  }

  /**
   * Rows of a message that its producer has numbered, from 1 without gaps. One that came before is not taken again.
   *
   * @throws RecordError `SEQUENCE_GAP`
   */
  takeNumbered(source: string, lines: IngestLines, producer: string, number: number): IngestAnswer {
    const last = this.#keys.last(producer)
    const { log } = this.#job
    if (number <= last) return { rows: 0, from: log.end, to: log.end, isRepeated: true }
    if (number !== last + 1) {
      throw new RecordError('SEQUENCE_GAP', `Message ${number} of ${producer} came where ${last + 1} was expected; go on from there`, {
        details: { producer, found: number, expected: last + 1 },
      })
    }
    const answer = this.#answer(lines)
    this.#append(source, lines, (atMs) => this.#keys.setLast(producer, number, atMs))
    return answer
  }

  #answer({ rows, parts }: IngestLines): IngestAnswer {
    const from = this.#job.log.end
    return { rows, from, to: from + parts.length, isRepeated: false }
  }

  #append(source: string, { parts }: IngestLines, alongside: (atMs: number) => void): void {
    const { log } = this.#job
    const atMs = log.nowMs()
    log.append(source, parts, () => alongside(atMs))
    if (atMs - this.#prunedMs < this.#keptMs / 24) return
    this.#prunedMs = atMs
    this.#keys.prune(atMs - this.#keptMs)
  }
}
