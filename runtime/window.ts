/**
 * Windows as people write them: `tumbling('1m')`, `sliding('1h', '5m')`.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { type Duration, durationMs } from './duration.ts'
import { planError } from './plan-problem.ts'

export interface WindowOptions {
  /** Moves all windows: `tumbling('1d', { offset: '6h' })` begins at 06:00 UTC. May be a negative number of milliseconds. */
  readonly offset?: Duration
}

export type WindowDeclaration =
  | { readonly kind: 'tumbling'; readonly sizeMs: number; readonly offsetMs?: number }
  | { readonly kind: 'sliding'; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs?: number }

/**
 * Windows of one size, one after the other: every record is in exactly one.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function tumbling(size: Duration, options: WindowOptions = {}): WindowDeclaration {
  return { kind: 'tumbling', sizeMs: durationMs(size, { of: 'the size of a tumbling window', positive: true }), ...offsetOf(options) }
}

/**
 * Windows of one size that begin every `slide`: they overlap if it is shorter than the size, and leave gaps if it is longer.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function sliding(size: Duration, slide: Duration, options: WindowOptions = {}): WindowDeclaration {
  return {
    kind: 'sliding',
    sizeMs: durationMs(size, { of: 'the size of a sliding window', positive: true }),
    slideMs: durationMs(slide, { of: 'the slide of a sliding window', positive: true }),
    ...offsetOf(options),
  }
}

function offsetOf({ offset }: WindowOptions): { readonly offsetMs?: number } {
  if (offset === undefined) return {}
  if (typeof offset !== 'number' || offset >= 0) return { offsetMs: durationMs(offset, { of: 'the offset of a window' }) }
  if (Number.isSafeInteger(offset)) return { offsetMs: offset }
  throw planError('DURATION_INVALID', 'the offset of a window', { found: offset, wanted: 'an integer of milliseconds or a duration' })
}
