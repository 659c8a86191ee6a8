/**
 * Windows of time as people write them: `tumbling('1m')`, `session('30m')`. Others are in `window-by-record.ts` and `window-calendar.ts`.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { type Duration, durationMs } from './duration.ts'
import { Expr, type ExprKind, type Needs, type Refs } from './expression/expression.ts'
import { planError } from './plan-problem.ts'
import { bringing } from './plan-rules.ts'
import type { WindowKind } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'

export interface WindowOptions {
  /** Moves all windows: `tumbling('1d', { offset: '6h' })` begins at 06:00 UTC. May be a negative number of milliseconds. */
  readonly offset?: Duration
}

/**
 * A window, to be given to `window(…)`: plain data.
 *
 * `Needed`, `Row` and `Bound` are for the type checker: the columns its expressions use, the rows its functions take, and what
 * `windowStart` and `windowEnd` are.
 */
export interface WindowDeclaration<Needed extends Refs = never, Row = unknown, Bound extends number | null = number> {
  readonly kind: WindowKind
  readonly '~needs'?: () => Needed
  readonly '~row'?: (row: Row) => void
  readonly '~bound'?: Bound
}

/**
 * Windows of one size, one after the other: every record is in exactly one.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function tumbling(size: Duration, options: WindowOptions = {}): WindowDeclaration {
  return plain({
    kind: 'tumbling',
    sizeMs: durationMs(size, { of: 'the size of a tumbling window', positive: true }),
    ...offsetOf(options),
  })
}

/**
 * Windows of one size that begin every `slide`: they overlap if it is shorter than the size, and leave gaps if it is longer.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function sliding(size: Duration, slide: Duration, options: WindowOptions = {}): WindowDeclaration {
  return plain({
    kind: 'sliding',
    sizeMs: durationMs(size, { of: 'the size of a sliding window', positive: true }),
    slideMs: durationMs(slide, { of: 'the slide of a sliding window', positive: true }),
    ...offsetOf(options),
  })
}

function plain(shape: WindowDeclaration & { readonly [field: string]: unknown }): WindowDeclaration {
  return shape
}

/**
 * Windows that begin together every `size` and grow by `step` up to it: totals since midnight, every hour. The step must divide the size.
 *
 * @throws ConfigError `DURATION_INVALID`.
 * @example
 * cumulate('1d', '1h')
 */
export function cumulate(size: Duration, step: Duration, options: WindowOptions = {}): WindowDeclaration {
  const shape = {
    kind: 'cumulate' as const,
    sizeMs: durationMs(size, { of: 'the size of a cumulating window', positive: true }),
    stepMs: durationMs(step, { of: 'the step of a cumulating window', positive: true }),
    ...offsetOf(options),
  }
  return bringing(shape, windowRules())
}

export interface LengthOptions {
  /** Longer windows are cut. Only with plain `onWatermark`, without allowed lateness. Default: never. */
  readonly maxLength?: Duration
}

/**
 * Windows that last as long as records of a key keep coming: each begins a window of the length of the gap, and windows that overlap or
 * touch are one. The gap is a duration, or found for every record: by an expression or a function that gives milliseconds.
 *
 * A gap that is null or less than 0 makes the record a dead letter.
 *
 * @throws ConfigError `DURATION_INVALID`.
 * @example
 * session('30m', { maxLength: '12h' })
 * session(when(col('kind').eq('phone'), 60_000, 1_800_000))
 * session((row) => (row.kind === 'phone' ? 60_000 : 1_800_000))
 */
export function session(gap: Duration, options?: LengthOptions): WindowDeclaration
export function session<R extends Refs, K extends ExprKind>(
  gap: Expr<R, K>,
  options?: LengthOptions,
): WindowDeclaration<R | Needs<K, 'numeric'>>
export function session<Row = unknown>(
  gap: (row: Row, timestampMs: number) => number,
  options?: LengthOptions,
): WindowDeclaration<never, Row>
export function session(
  gap: Duration | Expr | ((row: never, timestampMs: number) => number),
  options: LengthOptions = {},
): WindowDeclaration {
  const kind = 'session'
  const length = lengthOf(options)
  if (typeof gap === 'function') return bringing({ kind, gap: { function: true }, ...length }, windowRules(), { gap })
  if (gap instanceof Expr) return bringing({ kind, gap: gap.tree, ...length }, windowRules())
  return bringing({ kind, gapMs: durationMs(gap, { of: 'the gap of a session', positive: true }), ...length }, windowRules())
}

/** One window for all time, which ends with the stream: give it a trigger. `windowStart` and `windowEnd` are null. */
export function globalWindow(): WindowDeclaration<never, unknown, null> {
  return bringing({ kind: 'global' }, windowRules())
}

export function lengthOf({ maxLength }: LengthOptions): { readonly maxLengthMs?: number } {
  return maxLength === undefined ? {} : { maxLengthMs: durationMs(maxLength, { of: 'the maximum length of a window', positive: true }) }
}

function offsetOf({ offset }: WindowOptions): { readonly offsetMs?: number } {
  if (offset === undefined) return {}
  if (typeof offset !== 'number' || offset >= 0) return { offsetMs: durationMs(offset, { of: 'the offset of a window' }) }
  if (Number.isSafeInteger(offset)) return { offsetMs: offset }
  throw planError('DURATION_INVALID', 'the offset of a window', { found: offset, wanted: 'an integer of milliseconds or a duration' })
}
