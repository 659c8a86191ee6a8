/**
 * A materialized view: the newest row of every (window, key), as something that a program can look at and be told about.
 *
 * Before: view-sink.ts applies a job's results; on the page's side of a job worker remote-view.ts applies what the worker sends.
 * After: a chart, a table, a component of React.
 * Rows are kept in buckets by the end of their window, so that the oldest are at hand when there are too many; events, which stand for
 * themselves, are one bucket in the order of their coming.
 *
 * Invariant: a snapshot never changes; as long as the view does not change, the next one is the same object.
 */

import type { RowObject } from '../record-batch.ts'
import type { Pane } from './pane.ts'

/** What a view holds at one moment. */
export interface ViewSnapshot<Row = RowObject> {
  /** Rises with every change. */
  readonly version: number
  /** By the end of their window, then in the order of their first coming; events in the order of their coming. */
  readonly rows: readonly Row[]
  /** Of each row the firing it comes from: `timing` 2 is a correction by late records, `index` how often the window had fired before. */
  readonly panes: readonly Pane[]
  /** Rows that left because there were too many, or because they were too old. */
  readonly evictedCount: number
}

/** Rows that change in the course of a job. The methods need no `this`. */
export interface View<Row = RowObject> {
  /** All rows now. The same object until something changes; never changed itself. */
  readonly snapshot: () => ViewSnapshot<Row>
  /** Has `listener` called after every change. @returns what ends that. */
  readonly subscribe: (listener: () => void) => () => void
}

export interface ViewLimits {
  /** Most rows. */
  readonly rowsMax: number
  /** How long rows are kept after the end of their window, in event time, ms; null: as long as there is room. */
  readonly keepMs: number | null
}

/** One row of a view under its name. */
export interface ViewEntry<Row = RowObject> {
  readonly key: string
  /** Which bucket it is in: those of the lowest leave first. */
  readonly rank: number
  /** End of the window, or event time, ms; null when there is none. */
  readonly timeMs: number | null
  readonly row: Row
  readonly pane: Pane
}

/** Told of every entry that comes, changes or goes. */
export interface ViewObserver {
  changed(key: string): void
  removed(key: string): void
}

export class MaterializedView<Row = RowObject> implements View<Row> {
  limits: ViewLimits
  readonly #byKey = new Map<string, ViewEntry<Row>>()
  readonly #buckets = new Map<number, Map<string, ViewEntry<Row> | null>>()
  /** Of the buckets, ascending. */
  #ranks: number[] = []
  /** Keys whose entry was taken back since changes were published: their place is kept for what may follow at once. */
  #vacated = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  readonly #observers = new Set<ViewObserver>()
  /** Up to where event time has come for rows that were not early, ms. */
  #reachedMs = Number.NEGATIVE_INFINITY
  #evictedCount = 0
  #isChanged = false
  #version = 0
  #snapshot: ViewSnapshot<Row> | null = null

  constructor(limits: ViewLimits) {
    this.limits = limits
  }

  readonly snapshot = (): ViewSnapshot<Row> => {
    this.#snapshot ??= this.#makeSnapshot()
    return this.#snapshot
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // Wrapped, so that the same function may subscribe twice.
    const told = () => listener()
    this.#listeners.add(told)
    return () => void this.#listeners.delete(told)
  }

  get size(): number {
    return this.#byKey.size
  }

  get evictedCount(): number {
    return this.#evictedCount
  }

  get(key: string): ViewEntry<Row> | undefined {
    return this.#byKey.get(key)
  }

  /** All entries in the order of a snapshot. */
  *entries(): Generator<ViewEntry<Row>> {
    for (const rank of this.#ranks) for (const entry of this.#buckets.get(rank)!.values()) if (entry !== null) yield entry
  }

  /** Has every entry that changes told to `observer`. @returns what ends that. */
  observe(observer: ViewObserver): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Puts a row in the place of the one with its key, or behind those of its bucket. */
  put(entry: ViewEntry<Row>): void {
    const { key, rank, timeMs } = entry
    const before = this.#byKey.get(key)?.rank ?? this.#vacated.get(key)
    if (before !== undefined && before !== rank) this.#leave(key, before)
    this.#bucket(rank).set(key, entry)
    this.#vacated.delete(key)
    this.#byKey.set(key, entry)
    if (timeMs !== null && entry.pane.timing > 0 && timeMs > this.#reachedMs) this.#reachedMs = timeMs
    for (const observer of this.#observers) observer.changed(key)
    this.#isChanged = true
    this.#evict()
  }

  /** Takes a row away. Its place is kept until the change is published. */
  take(key: string): void {
    const known = this.#byKey.get(key)
    if (known === undefined) return
    this.#byKey.delete(key)
    this.#buckets.get(known.rank)!.set(key, null)
    this.#vacated.set(key, known.rank)
    for (const observer of this.#observers) observer.removed(key)
    this.#isChanged = true
  }

  /** Counts rows that left elsewhere. */
  setEvictedCount(count: number): void {
    if (count === this.#evictedCount) return
    this.#evictedCount = count
    this.#isChanged = true
  }

  clear(): void {
    for (const key of this.#byKey.keys()) for (const observer of this.#observers) observer.removed(key)
    if (this.#byKey.size > 0 || this.#evictedCount > 0) this.#isChanged = true
    this.#byKey.clear()
    this.#buckets.clear()
    this.#vacated.clear()
    this.#ranks = []
    this.#reachedMs = Number.NEGATIVE_INFINITY
    this.#evictedCount = 0
  }

  /** Makes the changes since the last call visible, and tells those who have subscribed. @throws what a listener throws, when all were told. */
  publish(): void {
    for (const [key, rank] of this.#vacated) this.#leave(key, rank)
    this.#vacated.clear()
    if (!this.#isChanged) return
    this.#isChanged = false
    this.#version++
    this.#snapshot = null
    let failure: { readonly error: unknown } | null = null
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== null) throw failure.error
  }

  #bucket(rank: number): Map<string, ViewEntry<Row> | null> {
    let bucket = this.#buckets.get(rank)
    if (bucket === undefined) {
      bucket = new Map()
      this.#buckets.set(rank, bucket)
      insertSorted(this.#ranks, rank)
    }
    return bucket
  }

  #evict(): void {
    const { rowsMax, keepMs } = this.limits
    for (;;) {
      const oldest = this.#oldest()
      if (oldest === null) return
      const isExpired = keepMs !== null && oldest.timeMs !== null && oldest.timeMs <= this.#reachedMs - keepMs
      if (this.#byKey.size <= rowsMax && !isExpired) return
      this.#byKey.delete(oldest.key)
      this.#leave(oldest.key, oldest.rank)
      for (const observer of this.#observers) observer.removed(oldest.key)
      this.#evictedCount++
    }
  }

  /** The entry that leaves first; places that are vacated are passed over. */
  #oldest(): ViewEntry<Row> | null {
    for (const rank of this.#ranks) for (const entry of this.#buckets.get(rank)!.values()) if (entry !== null) return entry
    return null
  }

  #leave(key: string, rank: number): void {
    const bucket = this.#buckets.get(rank)
    if (bucket === undefined) return
    bucket.delete(key)
    if (bucket.size > 0) return
    this.#buckets.delete(rank)
    if (this.#ranks[0] === rank) this.#ranks.shift()
    else this.#ranks.splice(placeOf(this.#ranks, rank), 1)
  }

  #makeSnapshot(): ViewSnapshot<Row> {
    const rows: Row[] = []
    const panes: Pane[] = []
    for (const entry of this.entries()) {
      rows.push(entry.row)
      panes.push(entry.pane)
    }
    return Object.freeze({
      version: this.#version,
      rows: Object.freeze(rows),
      panes: Object.freeze(panes),
      evictedCount: this.#evictedCount,
    })
  }
}

/** Where `rank` is, or belongs, in an ascending list. */
function placeOf(ranks: readonly number[], rank: number): number {
  let low = 0
  let high = ranks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranks[middle]! < rank) low = middle + 1
    else high = middle
  }
  return low
}

function insertSorted(ranks: number[], rank: number): void {
  // Windows come in the order of their ends, nearly always.
  if (ranks.length === 0 || ranks.at(-1)! < rank) ranks.push(rank)
  else ranks.splice(placeOf(ranks, rank), 0, rank)
}
