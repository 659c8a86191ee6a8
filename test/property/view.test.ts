/**
 * Views against a naive one, with random results, corrections, retractions, late windows, keys and limits; and copies that are brought up to
 * date at random moments, across restarts of the job.
 *
 * Before: seeds. After: view-sink.ts and job-worker/view-delta.ts.
 */

import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { applyDelta, beginAnew, DeltaCollector } from '../../runtime/job-worker/view-delta.ts'
import { RecordBatch, type RowObject } from '../../runtime/record-batch.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { CHANGES, type Pane } from '../../runtime/sink/pane.ts'
import type { SinkState, SinkWriter } from '../../runtime/sink/sink.ts'
import { MaterializedView } from '../../runtime/sink/view.ts'
import { type ViewOptions, type ViewSink, viewOf, viewSink } from '../../runtime/sink/view-sink.ts'
import { Prng } from '../support/prng.ts'
import { forSeeds } from './run-case.ts'

const columns = schema({ windowStart: timestamp(), windowEnd: timestamp(), device: utf8(), n: f64() })

interface Result {
  readonly row: RowObject
  readonly pane: Pane
}

function batchOf(results: readonly Result[], dictionary: Dictionary): RecordBatch {
  const builder = new BatchBuilder(columns, Math.max(1, results.length), dictionary)
  for (const { row } of results) expect(builder.appendRow(row, '')).toBe(true)
  const { columns: cells, rowCount } = builder.build()
  return new RecordBatch(columns, cells, rowCount, {
    index: Uint32Array.from(results, ({ pane }) => pane.index),
    timing: Uint8Array.from(results, ({ pane }) => pane.timing),
    change: Uint8Array.from(results, ({ pane }) => CHANGES.indexOf(pane.change)),
    isLast: Uint8Array.from(results, ({ pane }) => (pane.isLast ? 1 : 0)),
  })
}

async function opened(sink: ViewSink, restored: SinkState | null, isKeyed: boolean): Promise<SinkWriter> {
  return sink.open({
    name: 'view',
    jobName: 'property',
    epoch: 1,
    schema: columns,
    traits: {
      kind: isKeyed ? 'results' : 'events',
      key: isKeyed ? ['windowStart', 'windowEnd', 'device'] : null,
      timeColumn: 'windowEnd',
    },
    restored,
    hasCheckpoints: true,
    clock: systemClock,
    ending: new AbortController().signal,
    finished: Promise.resolve(),
  })
}

/** Windows of 10 ms, mostly the newest ones, sometimes much older, sometimes without bounds. */
function randomResult(prng: Prng, step: number): Result {
  const end = prng.next() < 0.05 ? null : 10 * (1 + Math.floor(step / 8) + (prng.next() < 0.2 ? -prng.int(12) : -prng.int(3)))
  const row = { windowStart: end === null ? null : end - 10, windowEnd: end, device: prng.next() < 0.1 ? null : `d${prng.int(5)}`, n: step }
  const chance = prng.next()
  const change = chance < 0.4 ? '+I' : chance < 0.65 ? '+U' : chance < 0.85 ? '-U' : '-D'
  return { row, pane: { index: prng.int(4), timing: prng.int(3), change, isLast: prng.next() < 0.5 } }
}

/** What a view is, said as simply as can be: a list, looked through again and again. */
class NaiveView {
  #entries: { key: string; timeMs: number | null; place: number; result: Result }[] = []
  #places = new Map<string, { rank: number; place: number }>()
  #nextPlace = 0
  #reachedMs = Number.NEGATIVE_INFINITY
  evictedCount = 0
  readonly #options: ViewOptions
  readonly #isKeyed: boolean
  #number = 0

  constructor(options: ViewOptions, isKeyed: boolean) {
    this.#options = options
    this.#isKeyed = isKeyed
  }

  #rank(timeMs: number | null): number {
    return this.#isKeyed ? (timeMs ?? Number.POSITIVE_INFINITY) : 0
  }

  write(results: readonly Result[]): void {
    for (const result of results) this.#apply(result)
    this.#places.clear()
  }

  #apply(result: Result): void {
    const { row, pane } = result
    const names = this.#options.key ?? (this.#isKeyed ? ['windowStart', 'windowEnd', 'device'] : null)
    const number = this.#number++
    const key = names === null ? `#${number}` : JSON.stringify(names.map((name) => row[name]))
    const timeMs = row['windowEnd'] as number | null
    const known = this.#entries.find((entry) => entry.key === key)
    if (known !== undefined && known.timeMs !== null && timeMs !== null && timeMs < known.timeMs) return
    if (pane.change.startsWith('-')) {
      if (known !== undefined && known.timeMs === timeMs) {
        this.#entries = this.#entries.filter((entry) => entry !== known)
        this.#places.set(key, { rank: this.#rank(timeMs), place: known.place })
      }
      return
    }
    const rank = this.#rank(timeMs)
    const left = known === undefined ? this.#places.get(key) : { rank: this.#rank(known.timeMs), place: known.place }
    const place = left !== undefined && left.rank === rank ? left.place : this.#nextPlace++
    this.#entries = this.#entries.filter((entry) => entry !== known)
    this.#entries.push({ key, timeMs, place, result })
    this.#places.delete(key)
    if (timeMs !== null && pane.timing > 0) this.#reachedMs = Math.max(this.#reachedMs, timeMs)
    const { rowsMax = 10_000, keepMs } = this.#options
    for (;;) {
      const oldest = this.#sorted()[0]
      if (oldest === undefined) return
      const isOld = keepMs !== undefined && oldest.timeMs !== null && oldest.timeMs <= this.#reachedMs - keepMs
      if (this.#entries.length <= rowsMax && !isOld) return
      this.#entries = this.#entries.filter((entry) => entry !== oldest)
      this.evictedCount++
    }
  }

  #sorted() {
    const byRank = (a: number, b: number) => (a === b ? 0 : a - b)
    return this.#entries.toSorted((a, b) => byRank(this.#rank(a.timeMs), this.#rank(b.timeMs)) || a.place - b.place)
  }

  get results(): readonly Result[] {
    return this.#sorted().map(({ result }) => result)
  }
}

const shown = (view: Pick<MaterializedView, 'snapshot'>): readonly Result[] => {
  const { rows, panes } = view.snapshot()
  return rows.map((row, index) => ({ row, pane: panes[index]! }))
}

function randomOptions(prng: Prng): ViewOptions {
  return {
    rowsMax: prng.next() < 0.5 ? 1 + prng.int(12) : 1_000,
    ...(prng.next() < 0.4 ? { keepMs: 10 * (1 + prng.int(8)) } : {}),
    ...(prng.next() < 0.25 ? { key: ['device'] } : {}),
  }
}

test('a view is what a naive one is', () =>
  forSeeds('view.test.ts', 'a view is what a naive one is', 1, 400, async (seed) => {
    const prng = new Prng(seed)
    const isKeyed = prng.next() < 0.8
    const options = randomOptions(prng)
    const sink = viewSink(options)
    const writer = await opened(sink, null, isKeyed)
    const naive = new NaiveView(options, isKeyed)
    const dictionary = new Dictionary()
    let before = sink.snapshot()
    let told = 0
    sink.subscribe(() => told++)
    for (let step = 0; step < 200; ) {
      const results = Array.from({ length: 1 + prng.int(8) }, () => randomResult(prng, step++))
      const kept = shown(sink)
      const toldBefore = told
      void writer.write(batchOf(results, dictionary))
      naive.write(results)
      const now = sink.snapshot()
      expect(shown(sink)).toEqual(naive.results)
      expect(now.evictedCount).toBe(naive.evictedCount)
      // The same object exactly as long as nobody was told; a change has a higher version.
      expect(now === before).toBe(told === toldBefore)
      if (now !== before) expect(now.version).toBeGreaterThan(before.version)
      expect(before.rows.map((row, index) => ({ row, pane: before.panes[index]! }))).toEqual(kept)
      before = now
    }
  }))

test('a copy has the rows of the view', () =>
  forSeeds('view.test.ts', 'a copy has the rows of the view', 1, 200, async (seed) => {
    const prng = new Prng(seed)
    const isKeyed = prng.next() < 0.8
    const options = randomOptions(prng)
    const dictionary = new Dictionary()
    const copy = new MaterializedView({ rowsMax: options.rowsMax!, keepMs: options.keepMs ?? null })
    const byText = (list: readonly Result[]) => list.map((result) => JSON.stringify(result)).sort()
    let step = 0
    let restored: SinkState | null = null
    let sink = viewSink(options)
    for (let start = 0; start < 3; start++) {
      // A worker that was lost takes its view along; one that lives may use it again.
      if (prng.next() < 0.5) sink = viewSink(options)
      const writer = await opened(sink, restored, isKeyed)
      const { view, ...beginning } = viewOf(sink)!
      const collector = new DeltaCollector(view, 'view')
      let hasBegun = start === 0
      const sync = () => {
        const delta = collector.take()
        if (delta === null) return
        if (!hasBegun && delta.keys.length === 0) return
        if (!hasBegun) beginAnew(copy, { limits: view.limits, ...beginning })
        hasBegun = true
        applyDelta(copy, structuredClone(delta))
        copy.publish()
      }
      for (const until = step + 100; step < until; ) {
        const results = Array.from({ length: 1 + prng.int(8) }, () => randomResult(prng, step++))
        void writer.write(batchOf(results, dictionary))
        if (prng.next() < 0.3) sync()
      }
      sync()
      const all = byText(shown(copy))
      const wanted = byText(shown(view))
      // Beside what the view has, a copy may have rows of an earlier start, as long as there is room.
      if (start === 0) expect(all).toEqual(wanted)
      else for (const text of wanted) if (options.rowsMax === 1_000 && options.keepMs === undefined) expect(all).toContain(text)
      expect(copy.size).toBeLessThanOrEqual(options.rowsMax!)
      collector.close()
      restored = prng.next() < 0.3 ? null : await writer.prepare(1)
      await writer.close()
    }
  }))
