/**
 * Progress of a job: one line that is redrawn on a terminal, a line every few seconds where output is piped, or JSON lines.
 *
 * Before: the status of a job, asked for at intervals. After: the terminal, or the program that reads the JSON.
 *
 * Invariant: a line is never wider than the terminal, so that redrawing it leaves nothing behind.
 */

import { styleText } from 'node:util'
import type { Clock, JobStatus, Run } from '../../runtime/index.ts'
import { count, duration, rate, time } from './text.ts'

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): boolean
}

const REDRAW_MS = 100
const PLAIN_MS = 3_000
const JSON_MS = 1_000
const BAR_CELLS = 20
const ERASE_LINE = '\r\u001b[2K'

export type ProgressMode = 'redraw' | 'plain' | 'json'

/** Shows progress until `ended` is aborted. Resolves when nothing of it is left on the line. */
export async function follow(
  run: Run,
  options: { stream: ProgressStream; mode: ProgressMode; clock: Clock; ended: AbortSignal },
): Promise<void> {
  const { stream, mode, clock, ended } = options
  const meter = new Meter()
  const everyMs = { redraw: REDRAW_MS, plain: PLAIN_MS, json: JSON_MS }[mode]
  while (!ended.aborted) {
    await clock.sleep(everyMs, ended)
    if (ended.aborted) break
    const status = await run.status().catch(() => null)
    if (status === null || ended.aborted) break
    const measured = meter.measure(status)
    if (mode === 'json') stream.write(`${JSON.stringify(progressEvent(status, measured))}\n`)
    else if (mode === 'plain') stream.write(`${fitted(parts(status, measured), 120)}\n`)
    else
      stream.write(
        `${ERASE_LINE}${bar(measured.share)}${fitted(parts(status, measured), (stream.columns ?? 80) - 1 - barWidth(measured.share))}`,
      )
  }
  if (mode === 'redraw') stream.write(ERASE_LINE)
}

interface Measured {
  /** Share of all bounded sources, 0 to 1; null when unknown. */
  readonly share: number | null
  readonly recordsPerSecond: number
  readonly remainingMs: number | null
}

/** Rate over the last second or so, and the time that is left if the share goes on growing as it did. Time is the job's own. */
class Meter {
  #samples: { readonly atMs: number; readonly records: number }[] = []
  #first: { readonly atMs: number; readonly share: number } | null = null

  measure(status: JobStatus): Measured {
    const { durationMs: atMs, recordsIn: records } = status
    this.#samples = [...this.#samples.filter((sample) => atMs - sample.atMs <= 1_500), { atMs, records }]
    const [oldest] = this.#samples
    const spanMs = atMs - oldest!.atMs
    const recordsPerSecond = (spanMs > 0 ? (records - oldest!.records) / spanMs : records / Math.max(1, atMs)) * 1000
    const share = shareOf(status)
    if (share !== null) this.#first ??= { atMs, share }
    const grown = share === null || this.#first === null ? 0 : share - this.#first.share
    const remainingMs = grown > 0.005 ? ((atMs - this.#first!.atMs) / grown) * (1 - share!) : null
    return { share, recordsPerSecond, remainingMs }
  }
}

function shareOf({ sources }: JobStatus): number | null {
  const shares = sources.map(({ progress }) => progress)
  return shares.includes(null) ? null : shares.reduce<number>((sum, share) => sum + (share ?? 0), 0) / Math.max(1, shares.length)
}

/** Least of the windows' watermarks: how far event time has come. */
export function watermarkOf({ windows }: JobStatus): number | null {
  const known = windows.flatMap(({ watermarkMs }) => (watermarkMs === null ? [] : [watermarkMs]))
  return known.length === 0 ? null : Math.min(...known)
}

/** What a line says, the most important first: what does not fit is left out from the end. */
function parts(status: JobStatus, { share, recordsPerSecond, remainingMs }: Measured): readonly string[] {
  const watermark = watermarkOf(status)
  return [
    share === null ? '' : `${Math.floor(share * 100)} %`.padStart(5),
    `${count(status.recordsIn)} records`,
    rate(recordsPerSecond),
    remainingMs === null ? '' : `${duration(remainingMs)} left`,
    watermark === null ? '' : `watermark ${time(watermark).slice(0, 19)}`,
    status.late === 0 ? '' : `${count(status.late)} late`,
    status.deadLetters === 0 ? '' : `${count(status.deadLetters)} dead letters`,
    status.checkpoints.count === 0 ? '' : `checkpoint ${status.checkpoints.last?.checkpointId ?? status.checkpoints.count}`,
    status.checkpoints.failedCount === 0 ? '' : `${status.checkpoints.failedCount} checkpoints failed`,
  ].filter((part) => part !== '')
}

function fitted(texts: readonly string[], width: number): string {
  let line = ''
  for (const text of texts) {
    const longer = line === '' ? text : `${line}  ${text}`
    if (longer.length > width) break
    line = longer
  }
  return line
}

function barWidth(share: number | null): number {
  return share === null ? 0 : BAR_CELLS + 1
}

function bar(share: number | null): string {
  if (share === null) return ''
  const filled = Math.round(share * BAR_CELLS)
  return `${styleText('cyan', '━'.repeat(filled))}${styleText('dim', '─'.repeat(BAR_CELLS - filled))} `
}

function progressEvent(status: JobStatus, { share, recordsPerSecond, remainingMs }: Measured): object {
  return {
    type: 'progress',
    share,
    recordsIn: status.recordsIn,
    recordsOut: status.recordsOut,
    recordsPerSecond: Math.round(recordsPerSecond),
    remainingMs: remainingMs === null ? null : Math.round(remainingMs),
    watermarkMs: watermarkOf(status),
    late: status.late,
    filtered: status.filtered,
    deadLetters: status.deadLetters,
    checkpoints: status.checkpoints.count,
  }
}
