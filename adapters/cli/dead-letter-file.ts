/**
 * Dead letters as NDJSON: one line for each input that could not become a record.
 *
 * Before: `onDeadLetter` of a job. After: a file people look into.
 *
 * Letters between the last checkpoint and a crash are written again on resuming: at least once, as a log is.
 * Invariant: a file of an earlier run is only emptied once the job has started.
 */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { ConfigError, ConnectorError, type DeadLetter } from '../../runtime/index.ts'

const FLUSH_CHARS = 1 << 16

export class DeadLetterFile {
  readonly #path: string
  readonly #file: number
  readonly #isAppended: boolean
  #isBegun = false
  #text = ''

  /** @throws ConfigError `DEAD_LETTERS_UNWRITABLE` */
  constructor(path: string, isAppended: boolean) {
    this.#path = path
    this.#isAppended = isAppended
    try {
      this.#file = openSync(path, 'a')
    } catch (error) {
      throw new ConfigError('DEAD_LETTERS_UNWRITABLE', `Cannot write dead letters to ${path}: ${messageOf(error)}`, { cause: error })
    }
  }

  write(letter: DeadLetter): void {
    this.#text += `${JSON.stringify(letter)}\n`
    if (this.#text.length >= FLUSH_CHARS) this.flush()
  }

  flush(): void {
    try {
      if (!this.#isBegun && !this.#isAppended) ftruncateSync(this.#file)
      this.#isBegun = true
      const bytes = new TextEncoder().encode(this.#text)
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
      this.#text = ''
    } catch (error) {
      throw new ConnectorError('DEAD_LETTERS_UNWRITABLE', `Cannot write dead letters to ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
