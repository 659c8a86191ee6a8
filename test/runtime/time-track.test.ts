/** Laws of event time on one source: what splits do to each other, what time does when nothing comes, what clocks that are wrong do not do. */

import { describe, expect, test } from 'vitest'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { RuledTimeTrack } from '../../runtime/coordinator/ruled-time-track.ts'
import { type SplitTimeState, TimeTrack, type TimeTrackState } from '../../runtime/coordinator/time-track.ts'
import type { WatermarkSpec } from '../../runtime/plan-spec.ts'
import { RecordBatch } from '../../runtime/record-batch.ts'
import { schema, timestamp } from '../../runtime/schema.ts'
import { plainGenerator } from '../../runtime/source/watermark-strategy.ts'
import { Prng } from '../support/prng.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const NONE = Number.NEGATIVE_INFINITY
const ROWS = schema({ t: timestamp() })
type Strategy = Partial<WatermarkSpec> & { readonly [field: string]: unknown }

class World {
  readonly clock = new VirtualClock()
  readonly letters: DeadLetter[] = []
  readonly #watermark: WatermarkSpec
  readonly #isLive: boolean
  readonly #splits: number
  track: TimeTrack

  constructor(watermark: Strategy, { splits = 1, isLive = true, isRuled = true } = {}) {
    this.#watermark = { kind: 'monotonous', everyRecords: 1, ...watermark } as WatermarkSpec
    this.#isLive = isLive
    this.#splits = splits
    this.track = this.#make(isRuled)
    this.track.open(
      Array.from({ length: splits }, () => ({ state: null, isEnded: false })),
      null,
    )
  }

  #make(isRuled: boolean): TimeTrack {
    const spec = { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark: this.#watermark } as const
    const report = { filtered: () => {}, deadLetter: (letter: DeadLetter) => void this.letters.push(letter) }
    const Track = isRuled ? RuledTimeTrack : TimeTrack
    return new Track({
      spec,
      schema: ROWS,
      exchanges: [],
      nodes: [],
      makeGenerator: plainGenerator(spec),
      isLive: this.#isLive,
      clock: this.clock,
      report,
    })
  }

  /** Records of a split, as the intake brings them. @returns the times of those that go on. */
  feed(split: number, ...times: readonly number[]): number[] {
    const values = Float64Array.from(times)
    const batch = new RecordBatch(ROWS, [{ name: 't', type: 'timestamp', values, validity: null, dictionary: null }], times.length)
    this.track.begin(split)
    const passed = this.track.observe({ batch, times: values }, Math.min(...times), Math.max(...times))
    this.track.records(split)
    this.track.evaluate(split)
    return [...passed.times.subarray(0, passed.batch.rowCount)]
  }

  /** Time passes while nothing comes, and the intake looks every 10 ms. */
  wait(ms: number): void {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.timeline.nowMs += Math.min(10, left)
      this.track.tick()
    }
  }

  get watermarkMs(): number {
    return this.track.watermarkMs
  }

  restart(): void {
    const splits = Array.from({ length: this.#splits }, (_, index) => this.track.splitState(index))
    const saved = JSON.parse(JSON.stringify({ splits, track: this.track.state() })) as { splits: SplitTimeState[]; track: TimeTrackState }
    this.track = this.#make(true)
    this.track.open(
      saved.splits.map((state) => ({ state, isEnded: false })),
      saved.track,
    )
  }
}

describe('idleness', () => {
  test('a split that is silent for longer than idleAfter, by the job clock, holds nobody; a record makes it active', () => {
    const world = new World({ idleAfterMs: 100 }, { splits: 2 })
    world.feed(0, 1_000)
    world.feed(1, 500)
    world.wait(90)
    expect(world.watermarkMs).toBe(499)
    world.feed(0, 1_100)
    world.wait(40)
    expect(world.watermarkMs).toBe(1_099)
    expect(world.track.statistics).toMatchObject({ splits: 2, idleSplits: 1 })
    world.feed(1, 1_050)
    world.feed(0, 2_000)
    expect(world.watermarkMs).toBe(1_099)
    world.feed(1, 1_500)
    expect(world.watermarkMs).toBe(1_499)
  })

  test('when all are idle the largest watermark is passed on, and time stands still', () => {
    const world = new World({ idleAfterMs: 100, flushAfterMs: null }, { splits: 3 })
    world.feed(0, 1_000)
    world.feed(1, 500)
    world.wait(1_000_000)
    expect(world.watermarkMs).toBe(999)
    expect(world.track.statistics.idleSplits).toBe(3)
  })

  test('time in which the source could not be asked is no silence', () => {
    const world = new World({ idleAfterMs: 100 }, { splits: 2 })
    world.feed(0, 1_000)
    world.feed(1, 500)
    for (let step = 0; step < 20; step++) {
      world.wait(50)
      world.track.pause()
    }
    expect(world.track.statistics.idleSplits).toBe(0)
  })

  test('on bounded sources no split is ever idle', () => {
    const world = new World({ idleAfterMs: 100 }, { splits: 2, isLive: false })
    world.feed(0, 1_000)
    world.wait(10_000)
    expect(world.watermarkMs).toBe(NONE)
  })
})

describe('flush', () => {
  test('after flushAfter of silence event time goes on by the clock, from the last watermark', () => {
    const world = new World({ kind: 'boundedOutOfOrderness', delayMs: 50, flushAfterMs: 5_000 })
    world.feed(0, 100_000)
    world.wait(5_000)
    expect(world.watermarkMs).toBe(99_949)
    expect(world.track.statistics.isFlushing).toBe(false)
    world.wait(60_000)
    expect(world.track.statistics.isFlushing).toBe(true)
    expect(world.watermarkMs).toBeGreaterThan(99_949 + 60_000 - 200)
    expect(world.watermarkMs).toBeLessThanOrEqual(99_949 + 60_000)
  })

  test('when data comes back, the watermark stands still until it is overtaken', () => {
    const world = new World({ flushAfterMs: 1_000 })
    world.feed(0, 100_000)
    world.wait(11_000)
    const flushed = world.watermarkMs
    expect(flushed).toBeGreaterThan(109_000)
    world.feed(0, 105_000)
    expect([world.watermarkMs, world.track.statistics.isFlushing]).toEqual([flushed, false])
    world.wait(900)
    expect(world.watermarkMs).toBe(flushed)
    world.feed(0, 120_000)
    expect(world.watermarkMs).toBe(119_999)
  })

  test('silence shorter than flushAfter never adds up', () => {
    const world = new World({ flushAfterMs: 1_000 })
    for (let step = 0; step < 50; step++) {
      world.feed(0, 100_000)
      world.wait(1_000)
    }
    expect(world.watermarkMs).toBe(99_999)
  })

  test('a silent split that never brought a record holds no flush, one that did only until the flush has passed it', () => {
    const world = new World({ flushAfterMs: 1_000 }, { splits: 3 })
    world.feed(0, 100_000)
    world.feed(1, 50_000)
    world.wait(1_000)
    expect(world.watermarkMs).toBe(NONE)
    world.wait(1_000)
    expect(world.watermarkMs).toBeGreaterThan(50_700)
    world.wait(100_000)
    expect(world.watermarkMs).toBeGreaterThan(150_000)
  })

  test('without any record nothing is flushed, nor on bounded sources, nor by strategies that go by themselves', () => {
    const silent = new World({})
    silent.wait(100_000)
    const bounded = new World({ flushAfterMs: 1_000 }, { isLive: false })
    bounded.feed(0, 100_000)
    bounded.wait(100_000)
    const manual = new World({ kind: 'manual' })
    manual.feed(0, 100_000)
    manual.track.supplyAll(50_000)
    manual.wait(100_000)
    expect([silent.watermarkMs, bounded.watermarkMs, manual.watermarkMs]).toEqual([NONE, 99_999, 50_000])
  })

  test('what was flushed outlives a restart, and time goes on from there', () => {
    const world = new World({ flushAfterMs: 1_000 })
    world.feed(0, 100_000)
    world.wait(21_000)
    const flushed = world.watermarkMs
    world.restart()
    expect(world.watermarkMs).toBe(flushed)
    world.wait(11_000)
    expect(world.watermarkMs).toBeGreaterThan(flushed + 9_500)
  })
})

describe('far-future guard', () => {
  test('a record further ahead of the clock than maxFutureSkew passes and is counted, but moves no watermark', () => {
    const world = new World({ maxFutureSkewMs: 1_000 })
    world.clock.timeline.nowMs = 50_000
    expect(world.feed(0, 49_000, 51_001, 48_000)).toEqual([49_000, 51_001, 48_000])
    expect(world.watermarkMs).toBe(48_999)
    expect(world.feed(0, 999_999)).toEqual([999_999])
    expect(world.watermarkMs).toBe(48_999)
    expect(world.feed(0, 51_000)).toEqual([51_000])
    expect(world.watermarkMs).toBe(50_999)
    expect(world.track.statistics).toMatchObject({ futureRecords: 2, maxEventTimeMs: 51_000 })
    world.restart()
    expect(world.track.futureRecords).toBe(2)
  })

  test('deadLetter sends it aside with a code, accept lets it count', () => {
    const refusing = new World({ maxFutureSkewMs: 1_000, futurePolicy: 'deadLetter' })
    expect(refusing.feed(0, 900, 1_001, 800, 5_000)).toEqual([900, 800])
    expect(refusing.letters.map(({ code, position }) => [code, position])).toEqual([
      ['TIMESTAMP_FUTURE', 'row 1'],
      ['TIMESTAMP_FUTURE', 'row 3'],
    ])
    expect([refusing.watermarkMs, refusing.track.futureRecords]).toEqual([899, 2])
    expect(refusing.feed(0, 2_000)).toEqual([])
    const accepting = new World({ maxFutureSkewMs: 1_000, futurePolicy: 'accept' })
    expect(accepting.feed(0, 900, 5_000)).toEqual([900, 5_000])
    expect([accepting.watermarkMs, accepting.track.futureRecords]).toEqual([4_999, 1])
  })

  test('live sources have 5 minutes, bounded ones no limit unless they ask for one', () => {
    const watermarkOf = (world: World, time: number) => {
      world.feed(0, time)
      return world.watermarkMs
    }
    expect(watermarkOf(new World({}), 300_000)).toBe(299_999)
    expect(watermarkOf(new World({}), 300_001)).toBe(NONE)
    expect(watermarkOf(new World({ maxFutureSkewMs: null }), 1e12)).toBe(1e12 - 1)
    expect(watermarkOf(new World({}, { isLive: false }), 1e12)).toBe(1e12 - 1)
    expect(watermarkOf(new World({ maxFutureSkewMs: 5 }, { isLive: false }), 6)).toBe(NONE)
  })
})

describe('drift', () => {
  test('a split is held while it is further ahead of the slowest active one than maxDrift', () => {
    const world = new World({ maxDriftMs: 100, idleAfterMs: 1_000 }, { splits: 3 })
    const held = () => [0, 1, 2].map((split) => world.track.isHeld(split))
    world.feed(0, 1_000)
    expect(held()).toEqual([false, false, false])
    world.feed(1, 899)
    expect(held()).toEqual([true, false, false])
    world.feed(1, 900)
    expect(held()).toEqual([false, false, false])
    world.feed(2, 100)
    expect(held()).toEqual([true, true, false])
    world.track.end(2, false)
    expect(held()).toEqual([false, false, false])
  })

  test('an idle split holds nobody, and one that is held is not idle', () => {
    const world = new World({ maxDriftMs: 100, idleAfterMs: 500 }, { splits: 2 })
    world.feed(0, 1_000)
    world.feed(1, 100)
    world.wait(400)
    expect(world.track.statistics).toMatchObject({ heldSplits: 1, idleSplits: 0 })
    world.wait(200)
    expect(world.track.isHeld(0)).toBe(false)
    expect(world.track.statistics).toMatchObject({ heldSplits: 0, idleSplits: 1 })
    expect(world.watermarkMs).toBe(999)
  })

  test('without idleAfter a live split holds nobody after 30 s of silence', () => {
    const world = new World({ maxDriftMs: 100 }, { splits: 2 })
    world.feed(0, 1_000)
    world.feed(1, 100)
    world.wait(30_000)
    expect(world.track.isHeld(0)).toBe(true)
    world.wait(10)
    expect(world.track.isHeld(0)).toBe(false)
  })

  test('splits that are read unless they are held stay within maxDrift and one step of each other', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const prng = new Prng(seed)
      const world = new World({ maxDriftMs: 200 }, { splits: 3, isLive: false })
      const times = [0, 0, 0]
      for (const split of times.keys()) world.feed(split, 0)
      for (let step = 0; step < 300; step++) {
        const split = prng.int(3)
        if (world.track.isHeld(split)) continue
        times[split]! += 1 + prng.int(50)
        world.feed(split, times[split]!)
        expect(Math.max(...times) - Math.min(...times), `seed ${seed}`).toBeLessThanOrEqual(200 + 50)
      }
      expect(Math.max(...times)).toBeGreaterThan(1_000)
    }
  })
})

test('a time lag goes by the clock, with and without records', () => {
  const world = new World({ kind: 'timeLag', delayMs: 1_000 }, { splits: 2 })
  world.clock.timeline.nowMs = 100_000
  world.feed(0, 5)
  expect(world.watermarkMs).toBe(NONE)
  world.wait(5_000)
  expect(world.watermarkMs).toBeGreaterThan(103_700)
  expect(world.watermarkMs).toBeLessThanOrEqual(104_000)
})

test('the largest delay is that behind the newest of earlier batches', () => {
  const world = new World({})
  world.feed(0, 100, 50)
  expect(world.track.statistics.delayMsMax).toBe(0)
  world.feed(0, 90, 30, 200)
  expect(world.track.statistics.delayMsMax).toBe(70)
  world.feed(0, 190)
  expect(world.track.statistics.delayMsMax).toBe(70)
})

test('with or without the rules, bounded sources that name none have the same watermarks', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const [ruled, plain] = [true, false].map((isRuled) => {
      const prng = new Prng(seed)
      const world = new World({ kind: 'boundedOutOfOrderness', delayMs: 20 }, { splits: 2, isLive: false, isRuled })
      return Array.from({ length: 60 }, (_, step) => {
        world.feed(prng.int(2), step * 10 - prng.int(50), step * 10)
        const waitMs = prng.int(1_000)
        if (isRuled) world.wait(waitMs)
        return world.watermarkMs
      })
    })
    expect(ruled, `seed ${seed}`).toEqual(plain)
  }
})

test('a checkpoint of before, which only had the largest event times, goes on with the watermarks that follow from them', () => {
  const world = new World({ kind: 'boundedOutOfOrderness', delayMs: 10 }, { splits: 2 })
  const splits = [200, 100].map((maxMs) => ({ state: { maxMs }, isEnded: false }))
  world.track.open(splits, { watermarkMs: 80 })
  expect(world.watermarkMs).toBe(80)
  world.feed(0, 300)
  expect(world.watermarkMs).toBe(89)
})

test('whatever happens, the watermark never goes back', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const prng = new Prng(seed)
    const world = new World(
      {
        kind: 'boundedOutOfOrderness',
        delayMs: prng.int(50),
        idleAfterMs: 200,
        flushAfterMs: 300,
        maxDriftMs: 500,
        maxFutureSkewMs: 1_000,
      },
      { splits: 3 },
    )
    let before = NONE
    for (let step = 0; step < 100; step++) {
      const action = prng.int(10)
      const now = world.clock.timeline.nowMs
      if (action < 6) world.feed(prng.int(3), ...Array.from({ length: 1 + prng.int(5) }, () => now + prng.int(3_000) - 1_500))
      else if (action < 9) world.wait(prng.int(600))
      else world.restart()
      expect(world.watermarkMs, `seed ${seed}`).toBeGreaterThanOrEqual(before)
      before = world.watermarkMs
    }
  }
})
