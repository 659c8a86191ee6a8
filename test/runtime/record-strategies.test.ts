/** Laws of the strategies that look at every record, and of the histogram of delays they learn from. */

import { describe, expect, test } from 'vitest'
import { col } from '../../runtime/expression/expression.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { EventTimeSpec } from '../../runtime/plan-spec.ts'
import { RecordBatch } from '../../runtime/record-batch.ts'
import { bool, f64, schema, timestamp } from '../../runtime/schema.ts'
import { bucketOf, DelayHistogram, largestOf } from '../../runtime/source/delay-histogram.ts'
import { recordGenerator } from '../../runtime/source/record-strategies.ts'
import type { MakeGenerator, WatermarkGenerator } from '../../runtime/source/watermark-strategy.ts'
import { Prng } from '../support/prng.ts'

const NONE = Number.NEGATIVE_INFINITY
const ROWS = schema({ t: timestamp(), mark: bool(), until: f64() })

interface Row {
  readonly t: number
  readonly mark?: boolean | null
  readonly until?: number | null
}

function strategy(watermark: object, create?: () => unknown): MakeGenerator {
  const { operators } = loadPlan(
    {
      millrace: 1,
      name: 'strategy',
      operators: [
        { uid: 'in', op: 'source', schema: { t: 'timestamp', mark: 'bool', until: 'f64' } },
        { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark },
        { uid: 'out', op: 'sink', inputs: ['time'], name: 'out' },
      ],
    },
    new Map([['time.watermark', create]]),
  )
  return recordGenerator(operators[1] as EventTimeSpec, ROWS, create)
}

function batchOf(rows: readonly Row[]): { readonly batch: RecordBatch; readonly times: Float64Array } {
  const times = Float64Array.from(rows, ({ t }) => t)
  const validity = (has: (row: Row) => boolean) => Uint8Array.from(rows, (row) => (has(row) ? 1 : 0))
  const columns = [
    { name: 't', type: 'timestamp', values: times, validity: null, dictionary: null },
    {
      name: 'mark',
      type: 'bool',
      values: Uint8Array.from(rows, ({ mark }) => (mark === true ? 1 : 0)),
      validity: validity(({ mark }) => mark !== null),
      dictionary: null,
    },
    {
      name: 'until',
      type: 'f64',
      values: Float64Array.from(rows, ({ until }) => until ?? 0),
      validity: validity(({ until }) => until !== null && until !== undefined),
      dictionary: null,
    },
  ] as const
  return { batch: new RecordBatch(ROWS, columns, rows.length), times }
}

/** A generator with what the track of event time keeps for it. */
class Fed {
  readonly generator: WatermarkGenerator
  maxMs: number

  constructor(generator: WatermarkGenerator, maxMs = NONE) {
    this.generator = generator
    this.maxMs = maxMs
  }

  feed(rows: readonly Row[], limitMs = Number.POSITIVE_INFINITY): number {
    this.generator.observe!({ ...batchOf(rows), limitMs, maxMs: this.maxMs })
    for (const { t } of rows) if (t <= limitMs) this.maxMs = Math.max(this.maxMs, t)
    return this.generator.watermark(this.maxMs, 0)
  }

  /** Goes on in a new generator, from the state as JSON. */
  restored(make: MakeGenerator): Fed {
    return new Fed(make(JSON.parse(JSON.stringify(this.generator.snapshot()))), this.maxMs)
  }
}

/** Event times that go on by about 10 ms, with random delays. */
function times(prng: Prng, count: number, delay: (prng: Prng) => number, from = 0): Row[] {
  return Array.from({ length: count }, (_, index) => ({ t: from + index * 10 - Math.floor(delay(prng)) }))
}

/** Delays as the strategies define them: behind the newest so far. */
function delaysOf(rows: readonly Row[]): number[] {
  let newest = NONE
  return rows.map(({ t }) => {
    newest = Math.max(newest, t)
    return newest - t
  })
}

function naiveQuantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(p * sorted.length)) - 1] ?? 0
}

const exponential = (meanMs: number) => (prng: Prng) => -Math.log(1 - prng.next()) * meanMs

describe('the histogram of delays', () => {
  test('a bucket holds what is at most 1/128 apart, and buckets are in the order of delays', () => {
    const prng = new Prng(1)
    for (let step = 0; step < 20_000; step++) {
      const delay = Math.floor(2 ** (prng.next() * 53.9))
      const bucket = bucketOf(delay)
      expect(largestOf(bucket)).toBeGreaterThanOrEqual(delay)
      expect(largestOf(bucket) - delay).toBeLessThanOrEqual(delay / 128)
      expect(bucketOf(delay + 1) - bucket).toBeLessThanOrEqual(1)
      if (bucket > 0) expect(largestOf(bucket - 1)).toBeLessThan(delay)
    }
    expect(bucketOf(2 * 8.64e15)).toBeLessThan(6_144)
  })

  test('its quantile is the naive one, or at most 1/128 more, while delays come and go', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const prng = new Prng(seed)
      const histogram = new DelayHistogram()
      let held: number[] = []
      for (let step = 0; step < 400; step++) {
        if (held.length > 0 && prng.int(3) === 0) histogram.remove(bucketOf(held.splice(prng.int(held.length), 1)[0]!))
        const delay = Math.floor(2 ** (prng.next() * prng.pick([4, 12, 40])))
        histogram.add(bucketOf(delay))
        held.push(delay)
        if (prng.int(100) === 0) {
          histogram.clear()
          held = []
        }
        const p = prng.pick([0.01, 0.5, 0.9, 0.99, 1])
        const wanted = naiveQuantile(held, p)
        expect(histogram.quantile(p), `seed ${seed}`).toBeGreaterThanOrEqual(wanted)
        expect(histogram.quantile(p), `seed ${seed}`).toBeLessThanOrEqual(wanted * (1 + 1 / 128))
      }
    }
  })
})

describe('percentile', () => {
  test('allows for the quantile of the delays of the last records, exactly up to 255 ms', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const prng = new Prng(seed)
      const p = prng.pick([0.5, 0.9, 0.95, 1])
      const windowRecords = prng.pick([1, 7, 100])
      const fed = new Fed(strategy({ kind: 'percentile', p, windowRecords })(null))
      const rows = times(prng, 400, exponential(30))
      const delays = delaysOf(rows)
      for (let at = 0; at < rows.length; ) {
        const count = Math.min(rows.length - at, 1 + prng.int(60))
        const watermark = fed.feed(rows.slice(at, at + count))
        at += count
        const recent = delays.slice(Math.max(0, at - windowRecords), at)
        const wanted = naiveQuantile(recent, p)
        expect(fed.maxMs - watermark - 1, `seed ${seed}`).toBe(wanted < 256 ? wanted : largestOf(bucketOf(wanted)))
      }
    }
  })

  test('about the share p of records is on time when delays do not change', () => {
    const prng = new Prng(3)
    const rows = times(prng, 60_000, exponential(500))
    for (const p of [0.9, 0.99]) {
      const fed = new Fed(strategy({ kind: 'percentile', p })(null))
      expect(shareOnTime(fed, rows, 10_000)).toBeCloseTo(p, 1.7)
    }
  })

  test('floor and ceiling bound the delay', () => {
    const feed = (limits: object) => {
      const fed = new Fed(strategy({ kind: 'percentile', p: 1, ...limits })(null))
      return fed.feed([{ t: 1_000 }, { t: 900 }])
    }
    expect(feed({})).toBe(899)
    expect(feed({ floorMs: 200 })).toBe(799)
    expect(feed({ ceilingMs: 50 })).toBe(949)
  })
})

/** Share of records after the first `skip` whose delay is within what was allowed for at the last place, of one every 64 records. */
function shareOnTime(fed: Fed, rows: readonly Row[], skip: number): number {
  let watermark = NONE
  let onTime = 0
  let counted = 0
  for (let at = 0; at < rows.length; at += 64) {
    const chunk = rows.slice(at, at + 64)
    if (at >= skip) {
      // Each against the newest record before it, as the delay is defined.
      let newest = fed.maxMs
      for (const { t } of chunk) {
        newest = Math.max(newest, t)
        counted++
        if (newest - t <= fed.maxMs - watermark - 1) onTime++
      }
    }
    watermark = fed.feed(chunk)
  }
  return onTime / counted
}

describe('predicted', () => {
  test.each([
    ['exponential', exponential(800)],
    ['uniform', (prng: Prng) => prng.next() * 5_000],
    ['heavy-tailed', (prng: Prng) => 50 / (1 - prng.next()) ** 0.7],
  ] as const)('the share of records on time is within 0.01 of p when delays do not change: %s', (_, delay) => {
    for (const p of [0.9, 0.95, 0.99]) {
      for (let seed = 1; seed <= 3; seed++) {
        const prng = new Prng(seed)
        const fed = new Fed(strategy({ kind: 'predicted', p })(null))
        const rows = times(prng, 76_800, delay)
        const share = shareOnTime(fed, rows, 12_800)
        expect(Math.abs(share - p), `p ${p}, seed ${seed}, share ${share}`).toBeLessThanOrEqual(0.01)
      }
    }
  })

  test('follows delays that grow and shrink', () => {
    const prng = new Prng(5)
    const fed = new Fed(strategy({ kind: 'predicted', p: 0.95, windowRecords: 200 })(null))
    const expected = () => fed.generator.expectedDelayMs!()
    fed.feed(times(prng, 10_000, exponential(100)))
    const before = expected()
    fed.feed(times(prng, 10_000, exponential(5_000), 100_000))
    const grown = expected()
    fed.feed(times(prng, 10_000, exponential(100), 200_000))
    expect(before).toBeLessThan(600)
    expect(grown).toBeGreaterThan(5_000)
    expect(expected()).toBeLessThan(600)
  })

  test('before it has learned, it allows for the quantile of what there is, within floor and ceiling', () => {
    const feed = (limits: object) => new Fed(strategy({ kind: 'predicted', p: 0.9, ...limits })(null)).feed([{ t: 1_000 }, { t: 900 }])
    expect(feed({})).toBe(899)
    expect(feed({ floorMs: 200 })).toBe(799)
    expect(feed({ ceilingMs: 50 })).toBe(949)
  })
})

describe('punctuated', () => {
  test('the watermark is the largest event time of records that carry one', () => {
    const fed = new Fed(strategy({ kind: 'punctuated', when: col('mark') })(null))
    expect(fed.feed([{ t: 100 }, { t: 200, mark: null }])).toBe(NONE)
    expect(fed.feed([{ t: 50, mark: true }, { t: 300 }])).toBe(50)
    expect(fed.feed([{ t: 40, mark: true }])).toBe(50)
  })

  test('or what an expression says: fractions are floored, nothing and nonsense do not count', () => {
    const fed = new Fed(strategy({ kind: 'punctuated', when: col('mark'), time: col('until') })(null))
    expect(fed.feed([{ t: 1, mark: true, until: 70.9 }])).toBe(70)
    expect(fed.feed([{ t: 1, mark: true, until: null }])).toBe(70)
    for (const until of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) expect(fed.feed([{ t: 1, mark: true, until }])).toBe(70)
    expect(fed.feed([{ t: 1, mark: false, until: 90 }])).toBe(70)
  })
})

test('records beyond the limit teach nothing', () => {
  const limitMs = 10_000
  for (const [watermark, create] of [
    [{ kind: 'percentile', p: 1 }],
    [{ kind: 'predicted', p: 1 }],
    [{ kind: 'punctuated', when: col('mark') }],
    [{ kind: 'punctuated', when: col('mark'), time: col('until') }],
    [{ kind: 'custom', function: true }, newest],
  ] as const) {
    const plain = new Fed(strategy(watermark, create)(null))
    const wanted = plain.feed([{ t: 100, mark: true, until: 90 }], limitMs)
    const fed = new Fed(strategy(watermark, create)(null))
    expect(
      fed.feed(
        [
          { t: 20_000, mark: true, until: 20_000 },
          { t: 100, mark: true, until: 90 },
        ],
        limitMs,
      ),
    ).toBe(wanted)
    expect(
      fed.feed(
        [
          { t: 20_000, mark: true, until: 90 },
          { t: 50, until: 20_000, mark: false },
        ],
        limitMs,
      ),
    ).toBeLessThanOrEqual(wanted)
  }
})

/** The newest record, less 5. */
function newest() {
  let max = NONE
  return {
    onRecord: (time: number) => void (max = Math.max(max, time)),
    watermark: () => max - 5,
    snapshot: () => (max === NONE ? null : max),
    restore: (state: unknown) => void (max = (state as number | null) ?? NONE),
  }
}

describe('custom', () => {
  test('is told every record in order, with its row', () => {
    const told: unknown[] = []
    const create = () => ({ ...newest(), onRecord: (time: number, row: object) => void told.push([time, row]) })
    new Fed(strategy({ kind: 'custom', function: true }, create)(null)).feed([
      { t: 5, mark: true },
      { t: 3, until: 7 },
    ])
    expect(told).toEqual([
      [5, { t: 5, mark: true, until: null }],
      [3, { t: 3, mark: false, until: 7 }],
    ])
  })

  test('what it throws, or gives that is no number, is an error with a code', () => {
    const broken = (part: object) => () =>
      new Fed(strategy({ kind: 'custom', function: true }, () => ({ ...newest(), ...part }))(null)).feed([{ t: 1 }])
    const throws = () => {
      throw new Error('torn')
    }
    expect(broken({ onRecord: throws })).toThrow(expect.objectContaining({ code: 'WATERMARK_FUNCTION_THREW' }))
    expect(broken({ watermark: throws })).toThrow(expect.objectContaining({ code: 'WATERMARK_FUNCTION_THREW' }))
    expect(broken({ watermark: () => Number.NaN })).toThrow(expect.objectContaining({ code: 'WATERMARK_FUNCTION_RESULT' }))
    expect(broken({ watermark: () => '5' })).toThrow(expect.objectContaining({ code: 'WATERMARK_FUNCTION_RESULT' }))
    expect(broken({ snapshot: undefined })).toThrow(expect.objectContaining({ code: 'WATERMARK_FUNCTION_INVALID' }))
  })
})

test('a restore anywhere changes no watermark that follows, nor does how the records are cut', () => {
  for (const [watermark, create] of [
    [{ kind: 'percentile', p: 0.9, windowRecords: 50 }],
    [{ kind: 'predicted', p: 0.9, windowRecords: 30 }],
    [{ kind: 'punctuated', when: col('mark') }],
    [{ kind: 'custom', function: true }, newest],
  ] as const) {
    for (let seed = 1; seed <= 20; seed++) {
      const prng = new Prng(seed)
      const rows = times(prng, 300, exponential(400)).map((row) => ({ ...row, mark: prng.int(10) === 0 }))
      const make = strategy(watermark, create)
      const one = new Fed(make(null))
      const wanted = rows.map((row) => one.feed([row]))
      let fed = new Fed(make(null))
      for (let at = 0; at < rows.length; ) {
        const count = Math.min(rows.length - at, 1 + prng.int(40))
        const watermarkMs = fed.feed(rows.slice(at, at + count))
        at += count
        expect(watermarkMs, `${watermark.kind}, seed ${seed}`).toBe(wanted[at - 1])
        if (prng.int(3) === 0) fed = fed.restored(make)
      }
    }
  }
})
