/** Laws of combined watermarks, and of strategies that need the largest event time only. */

import { expect, test } from 'vitest'
import { WatermarkCombiner } from '../../runtime/source/watermark-combiner.ts'
import { plainGenerator } from '../../runtime/source/watermark-strategy.ts'
import type { WatermarkSpec } from '../../runtime/plan-spec.ts'
import { Prng } from '../support/prng.ts'

const NONE = Number.NEGATIVE_INFINITY
const END = Number.POSITIVE_INFINITY

function generator(watermark: WatermarkSpec) {
  return plainGenerator({ uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark })(null)
}

/** Channels with these watermarks. */
function combined(...watermarks: readonly number[]): WatermarkCombiner {
  const combiner = new WatermarkCombiner(watermarks.length, 'hold')
  watermarks.forEach((watermark, channel) => combiner.advance(channel, watermark))
  return combiner
}

test('disorder bounded by d gives the largest time less d less 1', () => {
  expect(generator({ kind: 'boundedOutOfOrderness', delayMs: 5, everyRecords: 1 }).watermark(100, 0)).toBe(94)
  expect(generator({ kind: 'monotonous', everyRecords: 1 }).watermark(100, 0)).toBe(99)
  expect(generator({ kind: 'monotonous', everyRecords: 1 }).watermark(NONE, 0)).toBe(NONE)
})

test('a time lag is the clock less the lag, whatever the records say', () => {
  expect(generator({ kind: 'timeLag', delayMs: 5, everyRecords: 1 }).watermark(NONE, 1_000.7)).toBe(995)
})

test('the watermark is the minimum over channels that are not idle', () => {
  const combiner = combined(99, 49, 9)
  expect(combiner.watermarkMs).toBe(9)
  combiner.setIdle(2)
  expect(combiner.watermarkMs).toBe(49)
})

test('a channel without a watermark holds the combined one back', () => {
  expect(combined(99, NONE).watermarkMs).toBe(NONE)
})

test('an ended channel does not hold the watermark back', () => {
  const combiner = combined(99, NONE)
  combiner.end(1)
  expect(combiner.watermarkMs).toBe(99)
})

test('when the last active channel goes idle, the largest watermark of all is passed on and time stands still', () => {
  const combiner = combined(99, 49, 69)
  combiner.end(2)
  combiner.setIdle(0)
  expect([combiner.watermarkMs, combiner.isIdle]).toEqual([49, false])
  combiner.setIdle(1)
  expect([combiner.watermarkMs, combiner.isIdle]).toEqual([99, true])
})

test('when all channels have ended, time has ended', () => {
  const combiner = combined(99, NONE)
  combiner.end(0)
  combiner.end(1)
  expect(combiner.watermarkMs).toBe(END)
})

test('a split that comes back behind holds the watermark until it has caught up; an input that does is left out until then', () => {
  for (const returning of ['hold', 'catchUp'] as const) {
    const combiner = new WatermarkCombiner(2, returning)
    combiner.advance(0, 10)
    combiner.advance(1, 7)
    combiner.setIdle(1)
    expect(combiner.watermarkMs).toBe(10)
    combiner.setActive(1)
    combiner.advance(0, 30)
    expect(combiner.watermarkMs).toBe(returning === 'hold' ? 10 : 30)
    combiner.advance(1, 25)
    expect(combiner.watermarkMs).toBe(returning === 'hold' ? 25 : 30)
    combiner.advance(1, 31)
    combiner.advance(0, 40)
    expect(combiner.watermarkMs).toBe(31)
  }
})

test('whatever channels do, the combined watermark is the minimum over the active ones where that advances it, and never goes back', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const prng = new Prng(seed)
    const count = 1 + prng.int(4)
    const watermarks = Array.from({ length: count }, () => NONE)
    const states = Array.from({ length: count }, () => 'active')
    const combiner = new WatermarkCombiner(count, 'hold')
    let before = NONE
    for (let step = 0; step < 80; step++) {
      const channel = prng.int(count)
      const action = prng.int(10)
      if (states[channel] === 'ended') continue
      if (action < 7) {
        const watermark = prng.int(1_000)
        combiner.setActive(channel)
        states[channel] = 'active'
        combiner.advance(channel, watermark)
        watermarks[channel] = Math.max(watermarks[channel]!, watermark)
      } else if (action < 9 || step < 40) {
        combiner.setIdle(channel)
        states[channel] = 'idle'
      } else {
        combiner.end(channel)
        states[channel] = 'ended'
      }
      const active = watermarks.filter((_, index) => states[index] === 'active')
      const wanted = active.length > 0 ? Math.min(...active) : states.includes('idle') ? Math.max(...watermarks) : END
      expect(combiner.watermarkMs, `seed ${seed}, step ${step}`).toBe(Math.max(before, wanted))
      before = combiner.watermarkMs
    }
  }
})
