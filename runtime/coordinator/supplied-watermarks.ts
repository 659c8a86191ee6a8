/**
 * Watermarks that the program supplies for a source, each behind the records that had been read when it came.
 *
 * Before: `run.advanceWatermark`, through the intake. After: the intake's time tracks.
 * When a job is started again from a checkpoint, those that the checkpoint does not cover are supplied once more, each behind as many records
 * as the first time: the program does not know that anything happened.
 *
 * Invariant: they are passed on in the order in which they were supplied.
 */

interface SuppliedWatermark {
  readonly watermarkMs: number
  /** Records that had been read before it. */
  readonly afterCount: number
}

/** More are not remembered: a later one makes up for those before it. */
const UNCOVERED_MAX = 1_000

export class SuppliedWatermarks {
  /** Those still to be passed on, and who waits for them. */
  readonly #waiting: (SuppliedWatermark & { readonly resolve: () => void })[] = []
  /** Who waits for those that were passed on, and are not written yet. */
  readonly #passed: (() => void)[] = []
  /** Those passed on that the newest checkpoint does not cover. */
  #uncovered: SuppliedWatermark[] = []
  /** Records that an attempt before had read when it failed: until they have come again, watermarks wait. */
  #caughtUpCount = 0

  /** @returns resolves when the watermark is on its way to all subtasks. */
  supply(watermarkMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ watermarkMs, resolve, afterCount: this.#caughtUpCount })
    return promise
  }

  /**
   * Takes over what an attempt that failed leaves uncovered.
   *
   * @param readCount - Records it had read, when they come again; 0 when they do not.
   */
  follow(before: SuppliedWatermarks, readCount: number): void {
    if (readCount > 0) this.#caughtUpCount = Math.max(readCount, before.#caughtUpCount)
    for (const { watermarkMs, afterCount } of [...before.#uncovered, ...before.#waiting]) {
      this.#waiting.push({ watermarkMs, afterCount: Math.min(afterCount, this.#caughtUpCount), resolve: () => {} })
    }
  }

  /** Passes on those whose records have been read; those passed before are written now. @returns whether there were any. */
  pass(recordCount: number, pass: (watermarkMs: number) => void): boolean {
    for (const resolve of this.#passed.splice(0)) resolve()
    let hasPassed = false
    while (this.#waiting.length > 0 && this.#waiting[0]!.afterCount <= recordCount) {
      const { watermarkMs, resolve } = this.#waiting.shift()!
      pass(watermarkMs)
      this.#passed.push(resolve)
      this.#uncovered.push({ watermarkMs, afterCount: recordCount })
      if (this.#uncovered.length > UNCOVERED_MAX) this.#uncovered.shift()
      hasPassed = true
    }
    return hasPassed
  }

  /** A checkpoint covers what came before so many records. */
  covered(recordCount: number): void {
    this.#uncovered = this.#uncovered.filter(({ afterCount }) => afterCount >= recordCount)
  }
}
