/**
 * Random streams on which the rules of windows collide: records on edges, clocks that jump, watermarks too early and too late.
 *
 * Before: window-plans, which knows keys and units of the window. After: the events of a case.
 *
 * Invariant: a stream is a function of the generator's state and the rules alone.
 */

import type { PaneEvent, Row } from '../oracle/panes/plan.ts'
import type { Prng } from '../support/prng.ts'

interface StreamRules {
  readonly keys: readonly string[]
  readonly unitMs: number
  readonly hasClock: boolean
  readonly isProcessing: boolean
  readonly latenessMs: number
  /** -0 is 0, but not to whoever compares bits. */
  readonly hasZeros: boolean
}

export function randomEvents(prng: Prng, { keys, unitMs, hasClock, isProcessing, latenessMs, hasZeros }: StreamRules): PaneEvent[] {
  const is = (probability: number) => prng.next() < probability
  const keyCount = prng.pick([1, 1, 2, 3, 8])
  const recordCount = 1 + prng.int(prng.pick([4, 12, 40, 80]))
  const disorder = prng.pick([0, 1, 4, 12, 30])
  const watermarkShare = prng.pick([0.05, 0.3, 0.3, 0.7, 1])
  const delay = prng.pick([0, 0, 1, Math.floor(disorder / 2), disorder])
  const stepMax = prng.pick([1, 2, 2, 4, 9])
  const jumpShare = prng.pick([0, 0, 0.02, 0.1])
  const hasNulls = is(0.5)
  const hasSpecials = is(0.15)
  let now = prng.pick([0, 0, -20, -1_000_000, 40, 1_000_003])
  let newest = Number.NEGATIVE_INFINITY
  let clock = prng.pick([0, 0, 7, 1_000_000])
  const events: PaneEvent[] = []
  if (hasClock) events.push({ kind: 'processingTime', nowMs: clock * (isProcessing ? unitMs : 1) })
  for (let id = 0; id < recordCount; id++) {
    now += prng.int(stepMax + 1)
    if (is(jumpShare)) now += prng.pick([20, 100, 5_000])
    const time = is(0.05) ? now - disorder * 3 : now - (is(0.5) ? prng.int(disorder + 1) : 0)
    newest = Math.max(newest, time)
    const row = randomRow(prng, {
      id,
      timeMs: time * unitMs,
      keyCount,
      hasNulls,
      specials: hasSpecials ? (hasZeros ? [...SPECIALS, -0] : SPECIALS) : [],
    })
    events.push({ kind: 'record', timeMs: time * unitMs, key: keys.map((name) => row[name] ?? null), row })
    if (hasClock && is(0.35)) {
      clock += is(0.1) ? 50 : 1 + prng.int(4)
      events.push({ kind: 'processingTime', nowMs: clock * (isProcessing ? unitMs : 1) })
    }
    if (is(watermarkShare)) {
      const lead = is(0.1) ? prng.int(12) : 0
      const edge = is(0.2) ? latenessMs : 0
      events.push({ kind: 'watermark', watermarkMs: (newest - delay + lead) * unitMs - 1 + edge })
    }
  }
  if (is(0.85)) events.push({ kind: 'watermark', watermarkMs: Number.POSITIVE_INFINITY })
  return events
}

interface RowRules {
  readonly id: number
  readonly timeMs: number
  readonly keyCount: number
  readonly hasNulls: boolean
  readonly specials: readonly number[]
}

const SPECIALS = [Number.NaN, Number.POSITIVE_INFINITY]

const TEXTS = ['', 'a', 'b', 'b', 'é', '😀', 'zz', 'a longer text than the others']

export function randomRow(prng: Prng, { id, timeMs, keyCount, hasNulls, specials }: RowRules): Row {
  const is = (probability: number) => prng.next() < probability
  const orNull = <T>(value: T): T | null => (hasNulls && is(0.15) ? null : value)
  const number = () => (specials.length > 0 && is(0.1) ? prng.pick(specials) : prng.int(14) - 4)
  return {
    id,
    t: timeMs,
    k: orNull(`key ${prng.int(keyCount)}`),
    j: prng.int(2),
    v: orNull(number()),
    w: orNull(prng.int(9)),
    s: orNull(prng.pick(TEXTS)),
    b: orNull(is(0.5)),
    gap: orNull(prng.pick([0, 1, 2, 3, 3, 5, 9, 9, hasNulls ? -1 : 0])),
    go: orNull(is(0.25)),
  }
}
