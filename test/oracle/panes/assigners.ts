/**
 * Which windows a time lies in, for windows that do not depend on other records.
 *
 * Before: operator.ts with a record. After: bounds, ascending by start, then end, each once.
 *
 * Invariant: pure functions of time, found by walking the windows one by one.
 */

import type { Bounds, Row, Shape } from './plan.ts'

/** Shapes whose windows follow from the record alone. */
export type FreeShape = Extract<Shape, { readonly kind: 'tumbling' | 'sliding' | 'cumulate' | 'global' | 'intervals' | 'assigned' }>

export function windowsOf(shape: FreeShape, timeMs: number, row: Row): Bounds[] {
  switch (shape.kind) {
    case 'tumbling':
      return regular(shape.sizeMs, shape.sizeMs, shape.offsetMs ?? 0, timeMs)
    case 'sliding':
      return regular(shape.sizeMs, shape.slideMs, shape.offsetMs ?? 0, timeMs)
    case 'cumulate': {
      const [whole] = regular(shape.sizeMs, shape.sizeMs, shape.offsetMs ?? 0, timeMs)
      const { start } = whole!
      const stepCount = shape.sizeMs / shape.stepMs
      const all = Array.from({ length: stepCount }, (_, step) => ({ start, end: start + (step + 1) * shape.stepMs }))
      return all.filter(({ end }) => timeMs < end)
    }
    case 'global':
      return [{ start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }]
    case 'intervals':
      return ascending(
        shape.table.map(({ startMs, endMs }) => ({ start: startMs, end: endMs })).filter((bounds) => isWithin(bounds, timeMs)),
      )
    case 'assigned':
      return ascending(shape.windows(timeMs, row).filter(({ start, end }) => end > start))
    default: {
      const never: never = shape
      throw new RangeError(`Unknown window ${JSON.stringify(never)}`)
    }
  }
}

export function isWithin({ start, end }: Bounds, timeMs: number): boolean {
  return start <= timeMs && timeMs < end
}

/** Windows [start, start + size) with start = offset + k * slide. */
function regular(sizeMs: number, slideMs: number, offsetMs: number, timeMs: number): Bounds[] {
  const windows: Bounds[] = []
  let start = offsetMs + Math.floor((timeMs - offsetMs) / slideMs) * slideMs
  for (; start + sizeMs > timeMs; start -= slideMs) windows.unshift({ start, end: start + sizeMs })
  return windows
}

export function ascending(windows: readonly Bounds[]): Bounds[] {
  const sorted = [...windows].sort((a, b) => a.start - b.start || a.end - b.end)
  return sorted.filter(({ start, end }, index) => sorted[index - 1]?.start !== start || sorted[index - 1]?.end !== end)
}
