/**
 * Which kernel runs a window operator: the one of slices, which is faster, or the one of panes, which can do all; and what it cannot do itself.
 *
 * Before: a loaded plan. After: the runtime, which loads one or both.
 *
 * Invariant: what the slice kernel takes, the pane kernel computes alike. Conditions (`where`) of aggregates do not matter: to a
 * kernel they are columns that are null.
 */

import type { AggregateFunction, WindowShape, WindowSpec } from './plan-spec.ts'

const SLICED: ReadonlySet<AggregateFunction> = new Set(['count', 'sum', 'min', 'max', 'mean', 'variance', 'stddev', 'first', 'last'])

/** Whether a window needs more than the slice kernel and the columns of its input. */
export function isExtended(spec: WindowSpec): boolean {
  return !usesSliceKernel(spec) || Object.values(spec.aggregates).some(({ where }) => where !== undefined)
}

/**
 * Whether the slice kernel runs an operator: aligned windows over event time that fire at their end, and simple aggregates. A window
 * without lateness fires once, so that discarding what has come out changes nothing.
 */
export function usesSliceKernel(spec: WindowSpec): boolean {
  const { window, trigger } = spec
  return (
    (window.kind === 'tumbling' || window.kind === 'sliding') &&
    spec.time === 'event' &&
    trigger.kind === 'onWatermark' &&
    trigger.early === undefined &&
    trigger.late === undefined &&
    trigger.purge === undefined &&
    (spec.accumulation === 'accumulating' || (spec.accumulation === 'discarding' && spec.allowedLatenessMs === 0)) &&
    spec.closing === 'none' &&
    spec.emptyPanes === undefined &&
    spec.evictor === undefined &&
    spec.apply === undefined &&
    spec.keepRecords === undefined &&
    Object.values(spec.aggregates).every(({ fn }) => SLICED.has(fn))
  )
}

/** A shape whose windows an assigner finds before the ring. */
export type AssignedShape = Extract<WindowShape, { readonly kind: 'calendar' | 'tradingDay' | 'intervals' | 'custom' }>

export function isAssigned(shape: WindowShape): shape is AssignedShape {
  return shape.kind === 'calendar' || shape.kind === 'tradingDay' || shape.kind === 'intervals' || shape.kind === 'custom'
}
