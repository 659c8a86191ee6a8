import { expect, test } from 'vitest'
import { combinedWatermark, type SplitTime, splitWatermark } from '../../runtime/source/watermark-strategy.ts'
import { Prng } from '../support/prng.ts'

const bounded = (delayMs: number) => ({ kind: 'boundedOutOfOrderness', delayMs, everyRecords: 1 }) as const
const split = (maxMs: number, state: 'active' | 'idle' | 'ended' = 'active'): SplitTime => ({
  maxMs,
  isIdle: state === 'idle',
  isEnded: state === 'ended',
})
const NONE = Number.NEGATIVE_INFINITY

test('disorder bounded by d gives the largest time less d less 1', () => {
  expect(splitWatermark(bounded(5), 100)).toBe(94)
  expect(splitWatermark({ kind: 'monotonous', everyRecords: 1 }, 100)).toBe(99)
})

test('the watermark is the minimum over splits that are not idle', () => {
  expect(combinedWatermark(bounded(0), [split(100), split(50), split(10, 'idle')])).toBe(49)
})

test('a split without records holds the watermark back', () => {
  expect(combinedWatermark(bounded(0), [split(100), split(NONE)])).toBe(NONE)
})

test('an ended split does not hold the watermark back', () => {
  expect(combinedWatermark(bounded(0), [split(100), split(NONE, 'ended')])).toBe(99)
})

test('when the last active split goes idle, the largest watermark among the idle ones is passed on', () => {
  expect(combinedWatermark(bounded(0), [split(100, 'idle'), split(50, 'idle')])).toBe(99)
})

test('when all splits have ended, time has ended', () => {
  expect(combinedWatermark(bounded(0), [split(100, 'ended'), split(NONE, 'ended')])).toBe(Number.POSITIVE_INFINITY)
  expect(combinedWatermark(bounded(0), [])).toBe(Number.POSITIVE_INFINITY)
})

test('more records never lower the combined watermark', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const prng = new Prng(seed)
    const splits = Array.from({ length: 1 + prng.int(4) }, () => split(prng.int(100)))
    let before = combinedWatermark(bounded(3), splits)
    for (let step = 0; step < 50; step++) {
      const one = prng.pick(splits)
      one.maxMs = Math.max(one.maxMs, prng.int(1_000))
      const after = combinedWatermark(bounded(3), splits)
      expect(after, `seed ${seed}`).toBeGreaterThanOrEqual(before)
      before = after
    }
  }
})
