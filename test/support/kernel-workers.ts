/**
 * Kernel workers that a test makes itself and keeps, so that it can end them by the only real means there is: `terminate`.
 *
 * Before: a test binds `make` as the option `worker`. After: it kills whom it likes, when it likes.
 */

import { Worker } from 'node:worker_threads'
import type { Prng } from './prng.ts'

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
