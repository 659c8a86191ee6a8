/**
 * Kernel workers that a test makes itself and keeps, so that it can end them by the only real means there is: `terminate`.
 *
 * Before: a test binds `make` as the option `worker`. After: it kills whom it likes, when it likes.
 */

import { Worker } from 'node:worker_threads'
import type { Prng } from './prng.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source } from '../../runtime/source/source.ts'
import { turn } from './virtual-clock.ts'

const entry = new URL('../../runtime/host/node-kernel-worker-entry.ts', import.meta.url)

export class KernelThreads {
  readonly #entry: URL
  /** All that were made, in order. */
  readonly made: Worker[] = []

  constructor(script: URL = entry) {
    this.#entry = script
  }

  readonly make = (): Worker => {
    const worker = new Worker(this.#entry)
    this.made.push(worker)
    return worker
  }

  /** Ends one of the last `count` that were made. */
  kill(prng: Prng, count: number): void {
    void this.made.at(-1 - prng.int(Math.min(count, this.made.length)))?.terminate()
  }
}

/** Rows that come `piece` at a time, each after a turn of the event loop, so that a job lasts; `onRow` is told how far it is. */
export function pacedRows(rows: readonly object[], piece: number, onRow: (row: number) => void): Source {
  const whole = rowsSource(rows)
  return {
    ...whole,
    async splits(context) {
      const splits = await whole.splits(context)
      return splits.map(({ splitId, open }) => ({
        splitId,
        async open(position) {
          const reader = await open(position)
          return {
            ...reader,
            async read(builder, rowsMax) {
              onRow(Number(reader.position()['row']))
              await turn()
              return reader.read(builder, Math.min(rowsMax, piece))
            },
          }
        },
      }))
    },
  }
}
