/**
 * A window operator of the product driven by hand: elements, watermarks and the clock are given one at a time.
 *
 * Before: runner, with a plan whose one source is `in`, whose sink is `w-out` and whose late output, if any, is `late`. After: the harness of
 * `millrace/testing`, with the whole job behind it.
 *
 * Invariant: after each call everything that follows from it has come out.
 */

import { type TestHarness, testJob, type TestOptions } from '../../adapters/testing.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import type { Pane } from '../../runtime/sink/pane.ts'

export interface EmittedPane extends Pane {
  readonly row: RowObject
}

export class ScriptedWindow {
  readonly #harness: TestHarness
  readonly #hasLate: boolean

  private constructor(harness: TestHarness, hasLate: boolean) {
    this.#harness = harness
    this.#hasLate = hasLate
  }

  /** @param options - `watermarks: 'declared'` when the plan's own strategy makes them. */
  static async open(plan: object, options: TestOptions = {}): Promise<ScriptedWindow> {
    const job = fromPlan(plan)
    const hasLate = job.plan.operators.some((spec) => spec.op === 'window' && spec.late.kind === 'sideOutput')
    return new ScriptedWindow(await testJob(job, { batchRows: 16, ringSlots: 8, timers: 'at', ...options }), hasLate)
  }

  get panes(): readonly EmittedPane[] {
    return this.#harness.results('w-out').map(({ row, pane }) => ({ row: row as RowObject, ...pane }))
  }

  get late(): readonly RowObject[] {
    return this.#hasLate ? (this.#harness.rows('late') as readonly RowObject[]) : []
  }

  /** Records whose windows were all past their lateness. */
  async dropped(): Promise<number> {
    return (await this.#harness.status()).late
  }

  /** Refused because their windows' triggers had finished, window by window. */
  async closed(): Promise<number> {
    return (await this.#harness.status()).windows[0]!.closed
  }

  async element(row: object): Promise<void> {
    await this.#harness.pushTo('in', row)
    const letter = this.#harness.deadLetters[0]
    if (letter !== undefined) throw new TypeError(`The element does not fit: ${letter.reason}`)
  }

  watermark(watermarkMs: number): Promise<void> {
    return this.#harness.advanceWatermark(watermarkMs)
  }

  /** Sets the host's clock. */
  processingTime(clockMs: number): Promise<void> {
    return this.#harness.advanceTime(clockMs - this.#harness.nowMs)
  }

  /** Takes a checkpoint, throws the job away and goes on from there. */
  restore(): Promise<void> {
    return this.#harness.restart()
  }

  close(): Promise<void> {
    return this.#harness.close()
  }
}
