/**
 * Watermark strategies as people write them: how much disorder to expect.
 *
 * Before: the user's declaration. After: the plan's `eventTime` operators; `source/watermark-strategy.ts` carries them out.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { type Duration, durationMs } from './duration.ts'
import type { WatermarkSpec } from './plan-spec.ts'

export interface WatermarkOptions {
  /** A split that brings nothing for this long no longer holds the watermark. Default: it does for ever. */
  readonly idleAfter?: Duration
  /** The watermark is evaluated after every so many records of a split. 1: record by record. Default 1,024. */
  readonly everyRecords?: number
}

/** A strategy before defaults are filled in. */
export type WatermarkDeclaration =
  | (Omit<Extract<WatermarkSpec, { kind: 'monotonous' }>, 'everyRecords'> & { readonly everyRecords?: number })
  | (Omit<Extract<WatermarkSpec, { kind: 'boundedOutOfOrderness' }>, 'everyRecords'> & { readonly everyRecords?: number })

/**
 * Records are at most `delay` behind the newest: the watermark is the largest event time less `delay` less 1 ms.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function boundedOutOfOrderness(delay: Duration, options: WatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'boundedOutOfOrderness', delayMs: durationMs(delay, { of: 'the delay of boundedOutOfOrderness' }), ...common(options) }
}

/** Event times never go back within a split. */
export function monotonous(options: WatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'monotonous', ...common(options) }
}

function common({ idleAfter, everyRecords }: WatermarkOptions): { readonly idleAfterMs?: number; readonly everyRecords?: number } {
  return {
    ...(idleAfter === undefined ? {} : { idleAfterMs: durationMs(idleAfter, { of: 'idleAfter', positive: true }) }),
    ...(everyRecords === undefined ? {} : { everyRecords }),
  }
}
