/**
 * How fast things go: differences of the job's counts and busy times over the last second, and a minute of some for the small curves.
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
  /** Share of its time in which the job's own thread worked, 0 to 1; and the same of the workers that compute a window, by its name. */
  busy = 0
  readonly windowsBusy = new Map<string, number>()
  #last: { readonly atMs: number; readonly status: JobStatus } | null = null

  take(status: JobStatus, nowMs: number): void {
    const mark = status.checkpoints.last
    if (mark !== null && mark.checkpointId !== this.checkpoints.at(-1)?.checkpointId) {
      const { checkpointId, bytesWritten, bytes, durationMs } = mark
      this.checkpoints.push({ checkpointId, bytesWritten, bytes, durationMs })
      if (this.checkpoints.length > KEPT) this.checkpoints.shift()
    }
    const last = this.#last
    const isOtherLife = last === null || last.status.epoch !== status.epoch || last.status.restarts !== status.restarts
    if (!isOtherLife && nowMs - last.atMs < 1_000) return
    if (!isOtherLife) {
      const passedMs = Math.max(1, status.durationMs - last.status.durationMs)
      this.recordsIn = Math.max(0, ((status.recordsIn - last.status.recordsIn) * 1000) / passedMs)
      const share = (after: number, before: number) => Math.max(0, Math.min(1, (after - before) / passedMs))
      this.busy = share(status.busyMs, last.status.busyMs)
      for (const [index, { uid, busyMs }] of status.windows.entries()) {
        this.windowsBusy.set(uid, share(busyMs / status.parallelism, last.status.windows[index]!.busyMs / status.parallelism))
      }
      push(this.records, this.recordsIn)
      push(this.lags, Math.max(0, status.eventTimes[0]?.lagMs ?? 0))
    }
    this.#last = { atMs: nowMs, status }
  }
}

function push(values: number[], value: number): void {
  values.push(value)
  if (values.length > KEPT) values.shift()
}
