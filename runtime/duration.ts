/**
 * Durations as people write them, turned into milliseconds.
 *
 * Before: the fluent API and options of `start`. After: the plan, which knows only `…Ms` integers.
 *
 * Invariant: a duration is an integer from 0 to {@link DURATION_MS_MAX}.
 */

import { planError } from './plan-problem.ts'

export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd'

/** `'250ms'`, `'5s'`, `'1m'`, `'2h'`, `'1d'`, or a non-negative integer of milliseconds. */
export type Duration = number | `${number}${DurationUnit}`

/** The range of timestamps, ±8.64e15 ms, is also the longest duration. */
export const DURATION_MS_MAX = 8_640_000_000_000_000

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

const GRAMMAR = "digits and a unit (ms, s, m, h or d), as '250ms', '5s', '1m', '2h' or '1d', or an integer of milliseconds"

export interface DurationRule {
  /** What the duration is for: the path of the message, such as `tumbling size`. */
  readonly of: string
  /** Refuse 0. */
  readonly positive?: boolean
}

/**
 * A duration in milliseconds.
 *
 * @throws ConfigError `DURATION_INVALID`, which names the grammar: unitless strings, other units, signs, fractions, NaN, infinity,
 *   more than 8.64e15 ms, and 0 where a positive duration is needed.
 */
export function durationMs(value: Duration | (string & {}), rule: DurationRule = { of: 'duration' }): number {
  const ms = typeof value === 'string' ? parse(value) : value
  const least = rule.positive === true ? 1 : 0
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= least && ms <= DURATION_MS_MAX) return ms + 0
  throw planError('DURATION_INVALID', rule.of, {
    found: value,
    wanted: `${rule.positive === true ? 'a positive duration' : 'a duration'}: ${GRAMMAR}`,
  })
}

function parse(text: string): number {
  const match = /^(\d{1,16})(ms|s|m|h|d)$/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * UNIT_MS.get(match[2]!)!
}
