/**
 * Draws what a job gives: the windows of records on a line of time, and the panes of windows in the course of a run.
 *
 * Before: `pictures.ts`, which has the jobs. After: `guide-claims.test.ts`, which compares with GUIDE.md.
 *
 * Invariant: nothing in a picture is drawn by hand but its labels; a column of a line of time is one unit of it, so a bar covers just
 * the moments that are in its window.
 */

import { type Result, testJob } from '../../../adapters/testing.ts'
import type { Job } from '../../../runtime/index.ts'

export interface LineOptions {
  /** Milliseconds that a column stands for; default half a second. */
  readonly columnMs?: number
  /** Columns from one label of the axis to the next; default 10. */
  readonly labelEvery?: number
  /** Of a moment, for the axis; default in seconds. */
  readonly label?: (ms: number) => string
  /** First moment of the axis; default: of the first window. */
  readonly fromMs?: number
  /** What the axis has; default seconds. */
  readonly axis?: string
  /** How a record is drawn; default `●`. */
  readonly mark?: (row: object) => string
}

interface Bar {
  readonly startMs: number
  readonly endMs: number
  readonly text: string
}

/** Records above, the windows that they are in below; each with its number of records, or whatever `n` is. */
export async function windowsLine(job: Job, rows: readonly object[], options: LineOptions = {}): Promise<string> {
  const test = await testJob(job, { watermarks: 'declared' })
  await test.push(...(rows as never[]))
  await test.end()
  const bars = (test.rows('out' as never) as readonly { windowStart: number; windowEnd: number; n: number }[]).map(
    ({ windowStart, windowEnd, n }): Bar => ({ startMs: windowStart, endMs: windowEnd, text: String(n) }),
  )
  return line(bars, rows as readonly { at: number }[], options)
}

function line(bars: readonly Bar[], rows: readonly { readonly at: number }[], options: LineOptions): string {
  const { columnMs = 500, labelEvery = 10, label = (ms) => `${ms / 1000}`, mark = () => '●' } = options
  const firstMs = Math.min(...bars.map(({ startMs }) => startMs), ...rows.map(({ at }) => at))
  const fromMs = options.fromMs ?? Math.floor(firstMs / (columnMs * labelEvery)) * columnMs * labelEvery
  const column = (ms: number) => Math.floor((ms - fromMs) / columnMs)
  const last = Math.max(...bars.map(({ endMs }) => column(endMs - 1)), ...rows.map(({ at }) => column(at)))
  let axis = ''
  for (let at = 0; at <= last + 1; at += labelEvery) axis = axis.padEnd(at) + label(fromMs + at * columnMs)
  const records: string[] = []
  for (const row of rows) records[column(row.at)] = mark(row)
  const lanes: { cells: string; endMs: number }[] = []
  for (const bar of bars) {
    let lane = lanes.find(({ endMs }) => endMs <= bar.startMs && column(endMs - 1) < column(bar.startMs))
    if (lane === undefined) lanes.push((lane = { cells: '', endMs: 0 }))
    lane.cells = lane.cells.padEnd(column(bar.startMs)) + barText(bar.text, column(bar.endMs - 1) - column(bar.startMs) + 1)
    lane.endMs = bar.endMs
  }
  const drawn = [axis, Array.from({ length: records.length }, (_, at) => records[at] ?? ' ').join(''), ...lanes.map(({ cells }) => cells)]
  return drawn
    .map((text, index) => `${([options.axis ?? 'seconds', 'records', 'windows'][index] ?? '').padEnd(10)}${text}`.trimEnd())
    .join('\n')
}

function barText(text: string, width: number): string {
  if (width < 3) return width === 1 ? '│' : '├┤'
  const inner = width - 2
  const shown = inner >= text.length + 2 ? ` ${text} ` : text
  const left = Math.floor((inner - shown.length) / 2)
  return `├${'─'.repeat(left)}${shown}${'─'.repeat(inner - shown.length - left)}┤`
}

/** What happens in a run, one thing after the other. */
export type Step =
  | { readonly rows: readonly object[]; readonly text: string }
  | { readonly watermarkMs: number; readonly text: string }
  | { readonly clockMs: number; readonly text: string }
  | { readonly end: true; readonly text: string }

/** Steps from left to right, and below each the panes that come of it. */
export async function panesLine(job: Job, steps: readonly Step[], show: (result: Result) => readonly string[]): Promise<string> {
  const test = await testJob(job)
  const columns: string[][] = []
  for (const step of steps) {
    if ('rows' in step) await test.push(...(step.rows as never[]))
    else if ('watermarkMs' in step) await test.advanceWatermark(step.watermarkMs)
    else if ('clockMs' in step) await test.advanceTime(step.clockMs)
    else await test.end()
    columns.push([step.text, ...(test.take('out' as never) as readonly Result[]).flatMap(show)])
  }
  if (!steps.some((step) => 'end' in step)) await test.close()
  return table(columns, ['comes', 'panes'])
}

/** Columns beside each other, with the names of the lines in front. */
export function table(columns: readonly (readonly string[])[], names: readonly string[]): string {
  const height = Math.max(...columns.map((column) => column.length))
  const widths = columns.map((column) => Math.max(...column.map((text) => text.length)))
  const first = Math.max(...names.map((name) => name.length)) + 3
  const lines = Array.from({ length: height }, (_, at) =>
    columns.map((column, index) => (column[at] ?? '').padEnd(widths[index]! + 2)).join(''),
  )
  return lines.map((text, index) => `${(names[index] ?? '').padEnd(first)}${text}`.trimEnd()).join('\n')
}
