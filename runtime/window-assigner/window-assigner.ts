/**
 * The assigner of a window whose bounds the coordinator finds: calendar, trading day, table or function.
 *
 * Before: the plan. After: the stage before the router, which loads this file only for jobs with such a window.
 *
 * Invariant: windows depend on the shape, the row and its time alone, not on batches or on records before.
 */

import type { AssignedShape } from '../plan-kernel.ts'
import type { WindowAssigner } from './assigned-windows.ts'
import { CalendarPeriods } from './calendar-periods.ts'
import { CustomWindows, type WindowFunction, type WindowReport } from './custom-windows.ts'
import { IntervalTable } from './interval-table.ts'
import { SegmentAssigner, SegmentCache } from './segment.ts'
import { TradingSessions } from './trading-sessions.ts'

export { AssignedWindows, type WindowAssigner } from './assigned-windows.ts'
export type { CustomWindow, WindowFunction, WindowReport } from './custom-windows.ts'

/**
 * The assigner of a shape that has passed the plan's checks. Its `assign` may be called for batches in any order.
 *
 * @param custom - For `custom` only: the function, and who is told of rows for which it gives no windows.
 * @throws RangeError when `custom` is missing for a custom window.
 */
export function windowAssigner(
  shape: AssignedShape,
  custom?: { readonly fn: WindowFunction; readonly report: WindowReport },
): WindowAssigner {
  switch (shape.kind) {
    case 'calendar':
      return new SegmentAssigner(new SegmentCache(new CalendarPeriods(shape)))
    case 'tradingDay':
      return new SegmentAssigner(new SegmentCache(new TradingSessions(shape)))
    case 'intervals':
      return new SegmentAssigner(new IntervalTable(shape.table))
    case 'custom':
      if (custom === undefined) throw new RangeError('A custom window needs its function')
      return new CustomWindows(custom.fn, custom.report)
    default: {
      const unknown: never = shape
      throw new RangeError(`No assigner for ${JSON.stringify(unknown)}`)
    }
  }
}
