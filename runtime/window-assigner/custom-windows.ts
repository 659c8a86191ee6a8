/**
 * Windows that a function of the job's module names for each record.
 *
 * Before: the function `uid.window`. After: assigned-windows.ts, or a report for what cannot be a window.
 *
 * Invariant: a row has its entries or is reported, never both: nothing of a row that is refused is kept.
 */

import { FANOUT_MAX } from '../plan-window.ts'
import type { RowObject } from '../record-batch.ts'
import type { AssignedWindows, WindowAssigner } from './assigned-windows.ts'

/** Bounds of a window: milliseconds since the epoch, the end exclusive. Fractions are floored. */
export interface CustomWindow {
  readonly start: number
  readonly end: number
}

/** One window, several, or `[]` for none. */
export type WindowFunction = (row: RowObject, timestampMs: number) => CustomWindow | readonly CustomWindow[]

/** `WINDOW_INVALID`: the function did not return windows. `FUNCTION_THREW`: it threw. `reason` is a sentence without the operator's name. */
export type WindowReport = (row: number, code: 'WINDOW_INVALID' | 'FUNCTION_THREW', reason: string) => void

export class CustomWindows implements WindowAssigner {
  readonly #fn: WindowFunction
  readonly #report: WindowReport

  constructor(fn: WindowFunction, report: WindowReport) {
    this.#fn = fn
    this.#report = report
  }

  assign(times: Float64Array, rowCount: number, rowAt: (row: number) => RowObject, out: AssignedWindows): void {
    out.clear()
    out.reserve(rowCount)
    for (let row = 0; row < rowCount; row++) {
      let windows: readonly CustomWindow[] | string
      try {
        windows = windowsOf(this.#fn(rowAt(row), times[row]!))
      } catch (error) {
        this.#report(row, 'FUNCTION_THREW', `The window function threw: ${error instanceof Error ? error.message : String(error)}`)
        continue
      }
      if (typeof windows === 'string') this.#report(row, 'WINDOW_INVALID', windows)
      else if (windows.length === 0) out.pushOutside(row)
      else for (const { start, end } of windows) out.push(row, start, end)
    }
  }
}

/** The windows in order, each once, or the sentence that says why they are none. */
function windowsOf(returned: unknown): readonly CustomWindow[] | string {
  const list: readonly unknown[] = Array.isArray(returned) ? returned : [returned]
  if (list.length > FANOUT_MAX) return `The window function returned ${list.length} windows, more than ${FANOUT_MAX}`
  const windows: CustomWindow[] = []
  for (const item of list) {
    const window = windowOf(item)
    if (window === null) return `The window function returned ${shown(item)}, wanted { start, end } with finite numbers and start < end`
    windows.push(window)
  }
  if (windows.length < 2) return windows
  return windows
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .filter(({ start, end }, index, all) => start !== all[index - 1]?.start || end !== all[index - 1]?.end)
}

function windowOf(item: unknown): CustomWindow | null {
  if (typeof item !== 'object' || item === null || !('start' in item) || !('end' in item)) return null
  const { start, end } = item
  if (typeof start !== 'number' || typeof end !== 'number') return null
  // + 0: a window that begins at -0 is the one that begins at 0.
  const window = { start: Math.floor(start) + 0, end: Math.floor(end) + 0 }
  return Number.isSafeInteger(window.start) && Number.isSafeInteger(window.end) && window.start < window.end ? window : null
}

function shown(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item)
  const { start, end } = item as { readonly start?: unknown; readonly end?: unknown }
  return `{ start: ${String(start)}, end: ${String(end)} }`
}
