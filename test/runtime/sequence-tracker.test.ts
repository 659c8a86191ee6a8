/** Laws of sequence tracking: what each number means, when it is told, and how long a source is remembered. */

import { describe, expect, test } from 'vitest'
import type { TrackSequenceSpec } from '../../runtime/plan.ts'
import { f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { OperatorHarness } from '../support/operator-harness.ts'
import { Prng } from '../support/prng.ts'

const SCHEMA = schema({ t: timestamp(), s: utf8(), unit: i32(), q: f64() })

function tracker(options: Partial<TrackSequenceSpec> = {}): OperatorHarness {
  const spec = {
    uid: 'track',
    op: 'trackSequence',
    inputs: ['time'],
    source: ['s'],
    sequence: 'q',
    reorderWindow: 10,
    sourcesMax: 100,
    findingsTo: 'findings',
    ...options,
  } as const
  return new OperatorHarness({ spec, schema: SCHEMA, batchRows: 8 })
}

/** Numbers of source `a`, one every 10 ms from `fromMs` on. */
const numbers = (values: readonly (number | null)[], fromMs = 0, s: string | null = 'a') =>
  values.map((q, index) => ({ t: fromMs + index * 10, s, unit: 1, q }))
/** What was found, in short: `gap 3-5 x3 @20`. */
const found = ({ side }: OperatorHarness) => side.map(({ s, kind, from, to, count, at }) => `${s} ${kind} ${from}..${to} x${count} @${at}`)

describe('gaps', () => {
  test('numbers that follow each other are no finding, and rows pass unchanged', () => {
    const rows = numbers([7, 8, 9, 10])
    const track = tracker()
      .rows(...rows)
      .end()
    expect(track.side).toEqual([])
    expect(track.out).toEqual(rows)
  })

  test('a gap is told when the watermark has reached the record that showed it, not before', () => {
    const track = tracker().rows(...numbers([1, 2, 6]))
    expect(found(track.watermark(19))).toEqual([])
    expect(found(track.watermark(20))).toEqual(['a gap 3..5 x3 @20'])
    expect(track.counts).toMatchObject({ gaps: 1, missing: 3 })
  })

  test('what was only reordered is no gap; what it leaves is told exactly', () => {
    const track = tracker().rows(...numbers([1, 6, 4]))
    expect(found(track.end())).toEqual(['a reorder 4..6 x1 @20', 'a gap 2..3 x2 @10', 'a gap 5..5 x1 @10'])
  })

  test('a gap is told without a watermark when numbers are past the reorder window', () => {
    const track = tracker({ reorderWindow: 3 }).rows(...numbers([1, 3, 4, 5]))
    expect(found(track)).toEqual([])
    expect(found(track.rows(...numbers([6], 100)))).toEqual(['a gap 2..2 x1 @10'])
    expect(found(track.end())).toHaveLength(1)
  })

  test('a number that comes after its gap was told is a reorder, and the next of the gap too', () => {
    const track = tracker()
      .rows(...numbers([1, 4]))
      .watermark(10)
      .rows(...numbers([2, 3, 2], 20))
      .end()
    expect(found(track)).toEqual(['a gap 2..3 x2 @10', 'a reorder 2..4 x1 @20', 'a reorder 3..4 x1 @30', 'a duplicate 2..2 x1 @40'])
  })

  test('a jump beyond the reorder window is believed when the next record confirms it', () => {
    const track = tracker()
      .rows(...numbers([1, 2, 1_000]))
      .watermark(1_000)
    expect(found(track)).toEqual([])
    expect(found(track.rows(...numbers([1_001], 30)).watermark(2_000))).toEqual(['a gap 3..999 x997 @20'])
  })

  test('a jump that nothing confirms was a stray number', () => {
    expect(
      found(
        tracker()
          .rows(...numbers([1, 2, 4_000_000_000, 3, 4]))
          .end(),
      ),
    ).toEqual(['a reorder 4000000000..3 x1 @20'])
  })

  test('a jump is right after all when the numbers come near it', () => {
    const track = tracker({ reorderWindow: 5 })
      .rows(...numbers([0, 1, 9, 5, 6, 7, 8]))
      .end()
    expect(found(track)).toEqual(['a reorder 6..9 x1 @40', 'a reorder 7..9 x1 @50', 'a reorder 8..9 x1 @60', 'a gap 2..4 x3 @30'])
  })

  test('a jump at the very end is a gap', () => {
    expect(
      found(
        tracker()
          .rows(...numbers([1, 2, 500]))
          .end(),
      ),
    ).toEqual(['a gap 3..499 x497 @20'])
  })
})

describe('duplicates, reorders, restarts', () => {
  test('a number that was seen is a duplicate, as far as the reorder window reaches back', () => {
    expect(
      found(
        tracker({ reorderWindow: 3 })
          .rows(...numbers([5, 6, 6, 5]))
          .end(),
      ),
    ).toEqual(['a duplicate 6..6 x1 @20', 'a duplicate 5..5 x1 @30'])
  })

  test('numbers before the first one seen are reorders', () => {
    const track = tracker()
      .rows(...numbers([5, 3, 4, 6]))
      .end()
    expect(found(track)).toEqual(['a reorder 3..5 x1 @10', 'a reorder 4..5 x1 @20'])
  })

  test('a source that begins again is told when the second record confirms it, with its open gaps before', () => {
    const track = tracker()
      .rows(...numbers([500, 502, 0]))
      .rows(...numbers([1, 2], 30))
      .end()
    expect(found(track)).toEqual(['a gap 501..501 x1 @10', 'a restart 502..0 x1 @20'])
    expect(track.counts).toMatchObject({ restarts: 1, duplicates: 0 })
  })

  test('one straggler from far behind is no restart', () => {
    expect(
      found(
        tracker()
          .rows(...numbers([500, 501, 3, 502, 503]))
          .end(),
      ),
    ).toEqual(['a reorder 3..502 x1 @20'])
  })

  test('a straggler of the life before a restart is a reorder, and no jump', () => {
    const rows = [...numbers([500, 501, 0, 1], 100), { t: 95, s: 'a', unit: 1, q: 499 }, ...numbers([2, 3], 140)]
    expect(
      found(
        tracker()
          .rows(...rows)
          .end(),
      ),
    ).toEqual(['a restart 501..0 x1 @120', 'a reorder 499..501 x1 @95'])
  })

  test('numbers below restartBelow are a restart at once, also of short lives, if they are the newest', () => {
    const track = tracker({ restartBelow: 1 }).rows(...numbers([0, 1, 2, 0, 1, 2, 3]))
    expect(found(track)).toEqual(['a restart 2..0 x1 @30'])
    // The same number again, but older than what was there: a duplicate.
    expect(found(tracker({ restartBelow: 1 }).rows(...numbers([0, 1, 2], 100), ...numbers([0], 50)))).toEqual(['a duplicate 0..0 x1 @50'])
    expect(found(tracker().rows(...numbers([0, 1, 2, 0])))).toEqual(['a duplicate 0..0 x1 @30'])
  })

  test('numbers that wrap go on at 0, and gaps across the end are told as they were written', () => {
    const track = tracker({ wrapsAt: 256, reorderWindow: 20 })
      .rows(...numbers([253, 254, 255, 0, 1, 4]))
      .end()
    expect(found(track)).toEqual(['a gap 2..3 x2 @50'])
    const across = tracker({ wrapsAt: 256, reorderWindow: 20 })
      .rows(...numbers([254, 2, 255]))
      .end()
    expect(found(across)).toEqual(['a reorder 255..2 x1 @20', 'a gap 0..1 x2 @10'])
  })

  test('what is no whole number within bounds is counted, and passes', () => {
    const track = tracker({ wrapsAt: 256, reorderWindow: 20 })
      .rows(...numbers([1, null, 2, 2.5, 256, -1, Number.NaN, 3]))
      .end()
    expect(found(track)).toEqual([])
    expect(track.counts).toMatchObject({ unnumbered: 5 })
    expect(track.out).toHaveLength(8)
  })

  test('sources have numbers of their own; a source may be several columns, or nothing', () => {
    const rows = [...numbers([1, 3], 0, 'a'), ...numbers([1, 2], 0, null), ...numbers([9, 10], 0, '')]
    expect(
      found(
        tracker()
          .rows(...rows)
          .end(),
      ),
    ).toEqual(['a gap 2..2 x1 @10'])
    const two = tracker({ source: ['s', 'unit'] })
      .rows({ t: 0, s: 'a', unit: 1, q: 1 }, { t: 1, s: 'a', unit: 2, q: 7 }, { t: 2, s: 'a', unit: 1, q: 3 })
      .end()
    expect(two.side).toEqual([{ s: 'a', unit: 1, kind: 'gap', from: 2, to: 2, count: 1, at: 2 }])
  })
})

describe('silence', () => {
  test('a source is silent when the watermark is that far past its last record, and has resumed with the next', () => {
    const track = tracker({ silentAfterMs: 100 }).rows(...numbers([1, 2]))
    expect(found(track.watermark(109))).toEqual([])
    expect(found(track.watermark(110))).toEqual(['a silence 2..null x0 @110'])
    track
      .watermark(500)
      .rows(...numbers([3], 510))
      .watermark(600)
    expect(found(track)).toEqual(['a silence 2..null x0 @110', 'a resumed 2..3 x1 @510'])
    expect(found(track.watermark(610))).toHaveLength(3)
  })

  test('a late record of before does not end the silence, one of after does', () => {
    const track = tracker({ silentAfterMs: 100 })
      .rows(...numbers([1], 50), ...numbers([2], 80))
      .watermark(200)
    track.rows(...numbers([0], 60)).rows(...numbers([3], 190))
    expect(found(track)).toEqual(['a silence 2..null x0 @180', 'a reorder 0..2 x1 @60', 'a resumed 2..3 x1 @190'])
  })

  test('the end of the stream is no silence, but for those that were silent already', () => {
    const track = tracker({ silentAfterMs: 100 })
      .rows(...numbers([1], 0, 'gone'), ...numbers([1], 150, 'here'))
      .end()
    expect(found(track)).toEqual(['gone silence 1..null x0 @100'])
  })

  test('findings of one watermark come in order of their time, then of the first appearance of the source', () => {
    const track = tracker({ silentAfterMs: 100 })
      .rows(...numbers([1, 3], 0, 'b'), ...numbers([1, 3], 0, 'a'), ...numbers([5], 5, 'c'))
      .watermark(1_000)
    expect(found(track)).toEqual([
      'b gap 2..2 x1 @10',
      'a gap 2..2 x1 @10',
      'c silence 5..null x0 @105',
      'b silence 3..null x0 @110',
      'a silence 3..null x0 @110',
    ])
  })
})

describe('memory', () => {
  test('a source that is silent for long is forgotten, its gaps told first', () => {
    const track = tracker({ forgetAfterMs: 1_000 })
      .rows(...numbers([1, 2, 900]))
      .watermark(1_020)
    expect(found(track)).toEqual(['a gap 3..899 x897 @20'])
    expect(track.operator.status().stateCount).toBe(0)
    expect(track.counts).toMatchObject({ forgotten: 1 })
    expect(found(track.rows(...numbers([5], 5_000)).end())).toHaveLength(1)
  })

  test('one source more than the plan allows is an error that says what to do', () => {
    const rows = Array.from({ length: 4 }, (_, index) => ({ t: index, s: `s${index}`, unit: 1, q: 1 }))
    expect(() => tracker({ sourcesMax: 3 }).rows(...rows)).toThrow(
      expect.objectContaining({ code: 'SEQUENCE_SOURCES_FULL', name: 'ConfigError' }),
    )
    expect(() => tracker({ sourcesMax: 4 }).rows(...rows)).not.toThrow()
  })

  test('sources that come and go without end take bounded memory', () => {
    const track = tracker({ silentAfterMs: 10, forgetAfterMs: 100, sourcesMax: 110 })
    for (let step = 0; step < 5_000; step++) track.rows({ t: step, s: `s${step}`, unit: 1, q: step }).watermark(step)
    expect(track.counts).toMatchObject({ silences: 4_990, forgotten: 4_900 })
  })

  test('a source that loses every other number for ever takes bounded memory', () => {
    const track = tracker({ reorderWindow: 100 })
    let most = 0
    for (let step = 0; step < 5_000; step++) {
      track.rows({ t: step, s: 'a', unit: 1, q: step * 2 })
      most = Math.max(most, track.operator.status().stateBytes)
    }
    expect(most).toBeLessThan(8_000)
    expect(track.counts).toMatchObject({ gaps: 4_949 })
  })
})

test('a restart anywhere changes no finding, and a damaged chunk is refused', () => {
  const prng = new Prng(3)
  const rows = Array.from({ length: 300 }, (_, index) => ({
    t: index * 10 - prng.int(60),
    s: `s${prng.int(3)}`,
    unit: 1,
    q: prng.pick([index, index, index + 1, prng.int(400)]),
  }))
  const options = { silentAfterMs: 40, forgetAfterMs: 200, reorderWindow: 8 }
  const lived = (restartsAt: ReadonlySet<number>) => {
    const track = tracker(options)
    rows.forEach((row, index) => {
      track.rows(row)
      if (index % 5 === 4) track.watermark(index * 10 - 60)
      if (restartsAt.has(index)) track.restart()
    })
    return found(track.end())
  }
  const whole = lived(new Set())
  expect(whole.length).toBeGreaterThan(100)
  for (let index = 0; index < rows.length; index += 7) expect(lived(new Set([index, index + 3]))).toEqual(whole)

  const filled = () => tracker().rows(...numbers([1, 2, 5, 900]))
  const refused = expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' })
  const [head, sources] = filled().operator.snapshot() as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]
  for (let length = 3; length < sources.length; length++)
    expect(() => filled().restart(() => [head, sources.slice(0, length)])).toThrow(refused)
})

/** A source as it is in the field: what was done to it is known, so what must be found is known without a second tracker. */
test('of sources whose losses, repeats and shuffles are known, exactly these are found', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const prng = new Prng(seed)
    const wrapsAt = prng.pick([0, 0, 512])
    const window = 20
    const track = tracker({ reorderWindow: window, ...(wrapsAt === 0 ? {} : { wrapsAt }) })
    const sent: { t: number; q: number }[] = []
    const lost: number[] = []
    let duplicates = 0
    for (let q = 0; q < 600; q++) {
      // The first and the last arrive, so that every loss can be seen.
      if (q > 0 && q < 599 && prng.next() < 0.1) {
        lost.push(q)
        continue
      }
      sent.push({ t: q * 10, q })
      if (prng.next() < 0.05) {
        sent.push({ t: q * 10, q })
        duplicates++
      }
    }
    const order = sent
      .map((record, index) => ({ record, key: index === 0 ? 0 : index + prng.next() * prng.pick([0, 0, 6]) }))
      .sort((a, b) => a.key - b.key)
    let most = 0
    for (const { record } of order) {
      track.rows({ t: record.t, s: 'a', unit: 1, q: wrapsAt === 0 ? record.q : record.q % wrapsAt })
      most = Math.max(most, record.t)
      // Disorder is at most some 15 records: nothing is late.
      track.watermark(most - 400)
    }
    track.end()
    const told = track.side
      .filter(({ kind }) => kind === 'gap')
      .flatMap(({ from, count }) => Array.from({ length: count as number }, (_, index) => (from as number) + index))
    const shown = (q: number) => (wrapsAt === 0 ? q : q % wrapsAt)
    expect(
      told.map(shown).sort((a, b) => a - b),
      `seed ${seed}`,
    ).toEqual(lost.map(shown).sort((a, b) => a - b))
    expect(track.counts, `seed ${seed}`).toMatchObject({ missing: lost.length, duplicates, restarts: 0 })
  }
})
