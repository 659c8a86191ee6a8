/**
 * How fast things go: differences of the job's counts over the last second, and a minute of them for the small curves.
 *
 * Before: every status. After: header, graph and gauges.
 */

import type { JobStatus } from 'millrace'

const KEPT = 60

export interface CheckpointMark {
  readonly checkpointId: number
  readonly bytesWritten: number
  readonly bytes: number
  readonly durationMs: number
}

export class Rates {
  /** Readings a second, by second, oldest first; and how far the watermark was behind, ms. */
  readonly records: number[] = []
  readonly lags: number[] = []
  readonly checkpoints: CheckpointMark[] = []
  recordsIn = 0
  /** Readings since the job began. */
  bytes = 0
  #last: { readonly atMs: number; readonly recordsIn: number; readonly epoch: number; readonly restarts: number } | null = null

  take(status: JobStatus, nowMs: number): void {
    this.bytes = status.recordsIn
    const mark = status.checkpoints.last
    if (mark !== null && mark.checkpointId !== this.checkpoints.at(-1)?.checkpointId) {
      const { checkpointId, bytesWritten, bytes, durationMs } = mark
      this.checkpoints.push({ checkpointId, bytesWritten, bytes, durationMs })
      if (this.checkpoints.length > KEPT) this.checkpoints.shift()
    }
    const last = this.#last
    const isOtherLife = last === null || last.epoch !== status.epoch || last.restarts !== status.restarts
    if (!isOtherLife && nowMs - last.atMs < 1_000) return
    if (!isOtherLife) {
      this.recordsIn = Math.max(0, ((status.recordsIn - last.recordsIn) * 1000) / (nowMs - last.atMs))
      push(this.records, this.recordsIn)
      push(this.lags, Math.max(0, status.eventTimes[0]?.lagMs ?? 0))
    }
    this.#last = { atMs: nowMs, recordsIn: status.recordsIn, epoch: status.epoch, restarts: status.restarts }
  }
}

function push(values: number[], value: number): void {
  values.push(value)
  if (values.length > KEPT) values.shift()
}
