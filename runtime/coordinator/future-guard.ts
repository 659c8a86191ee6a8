/**
 * Records from a clock that runs ahead: one of them must not close everybody's windows.
 *
 * Before: time-track, for chunks with an event time beyond the limit. After: what goes on to the next stages.
 *
 * Invariant: every record beyond the limit is counted, whatever the policy.
 */

import { preview } from '../batch-builder.ts'
import type { Clock } from '../clock.ts'
import type { EventTimeSpec } from '../plan.ts'
import { MAX_FUTURE_SKEW_MS_DEFAULT } from '../plan-watermark.ts'
import { Gather, type StageReport, type TimedChunk } from './stage.ts'
import type { TimeTrackOptions } from './time-track.ts'

export class FutureGuard {
  readonly #spec: EventTimeSpec
  readonly #clock: Clock
  readonly #report: StageReport
  readonly #gather: Gather
  readonly #skewMs: number
  /** Records beyond the limit so far. */
  count = 0

  constructor({ spec, schema, isLive, clock, report }: TimeTrackOptions) {
    this.#spec = spec
    this.#clock = clock
    this.#report = report
    this.#gather = new Gather(schema)
    const { maxFutureSkewMs = isLive ? MAX_FUTURE_SKEW_MS_DEFAULT : null } = spec.watermark
    this.#skewMs = maxFutureSkewMs ?? Number.POSITIVE_INFINITY
  }

  /** The event time that is just allowed now. */
  get limitMs(): number {
    return this.#skewMs === Number.POSITIVE_INFINITY ? this.#skewMs : this.#clock.now() + this.#skewMs
  }

  /** What a record beyond the limit moves: up to which event time records may be observed. */
  observedLimitMs(limitMs: number): number {
    return this.#spec.watermark.futurePolicy === 'accept' ? Number.POSITIVE_INFINITY : limitMs
  }

  /** Counts the records beyond the limit. @returns the chunk that goes on. */
  take(chunk: TimedChunk, limitMs: number): TimedChunk {
    const { batch, times } = chunk
    const isRefused = this.#spec.watermark.futurePolicy === 'deadLetter'
    const selection = new Uint32Array(isRefused ? batch.rowCount : 0)
    let kept = 0
    for (let row = 0; row < batch.rowCount; row++) {
      if (times[row]! <= limitMs) {
        if (isRefused) selection[kept++] = row
        continue
      }
      this.count++
      if (isRefused) this.#refuse(chunk, row, limitMs)
    }
    return isRefused ? (this.#gather.take(chunk, selection, kept) as TimedChunk) : chunk
  }

  #refuse({ batch, times }: TimedChunk, row: number, limitMs: number): void {
    const { uid, column } = this.#spec
    this.#report.deadLetter({
      code: 'TIMESTAMP_FUTURE',
      reason: `Event time ${column} is ${times[row]}, ${Math.ceil(times[row]! - limitMs)} ms more than maxFutureSkew allows ahead of the host's clock`,
      source: uid,
      split: '',
      position: `row ${row}`,
      preview: preview(JSON.stringify(batch.row(row))),
    })
  }
}
