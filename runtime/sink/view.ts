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

/** The place of an entry among those of its rank, kept while the entry is replaced. */
interface Place<Row> {
  readonly key: string
  readonly bucket: Bucket<Row>
  /** Null: vacated, until changes are published. */
  entry: ViewEntry<Row> | null
  before: Place<Row> | null
  behind: Place<Row> | null
}

/** Places of one rank, in the order of their making: a list of which any can leave at once. */
interface Bucket<Row> {
  readonly rank: number
  first: Place<Row> | null
  last: Place<Row> | null
}

export class MaterializedView<Row = RowObject> implements View<Row> {
  limits: ViewLimits
  readonly #places = new Map<string, Place<Row>>()
  readonly #buckets = new Map<number, Bucket<Row>>()
  /** The buckets by their rank. */
  #inOrder: Bucket<Row>[] = []
  /** Places whose entry was taken back since changes were published: they wait for what may follow at once. */
  readonly #vacated = new Set<Place<Row>>()
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
    return this.#places.size - this.#vacated.size
  }

  get evictedCount(): number {
    return this.#evictedCount
  }

  get(key: string): ViewEntry<Row> | undefined {
    return this.#places.get(key)?.entry ?? undefined
  }

  /** All entries in the order of a snapshot. */
  entries(): ViewEntry<Row>[] {
    const entries: ViewEntry<Row>[] = []
    for (const { first } of this.#inOrder) {
      for (let place = first; place !== null; place = place.behind) if (place.entry !== null) entries.push(place.entry)
    }
    return entries
  }

  /** Has every entry that changes told to `observer`. @returns what ends that. */
  observe(observer: ViewObserver): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Puts a row in the place of the one with its key, or behind those of its rank. */
  put(entry: ViewEntry<Row>): void {
    const { key, rank, timeMs } = entry
    let place = this.#places.get(key)
    if (place !== undefined && place.bucket.rank !== rank) {
      this.#leave(place)
      place = undefined
    }
    place ??= this.#append(key, rank)
    place.entry = entry
    this.#vacated.delete(place)
    if (timeMs !== null && entry.pane.timing > 0 && timeMs > this.#reachedMs) this.#reachedMs = timeMs
    for (const observer of this.#observers) observer.changed(key)
    this.#isChanged = true
    this.#evict()
  }

  /** Takes a row away. Its place is kept until the change is published. */
  take(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined || place.entry === null) return
    place.entry = null
    this.#vacated.add(place)
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
    if (this.#places.size > 0 || this.#evictedCount > 0) this.#isChanged = true
    for (const { key } of this.entries()) for (const observer of this.#observers) observer.removed(key)
    this.#places.clear()
    this.#buckets.clear()
    this.#vacated.clear()
    this.#inOrder = []
    this.#reachedMs = Number.NEGATIVE_INFINITY
    this.#evictedCount = 0
  }

  /** Makes the changes since the last call visible, and tells those who have subscribed. @throws what a listener throws, when all were told. */
  publish(): void {
    for (const place of this.#vacated) this.#leave(place)
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

  #append(key: string, rank: number): Place<Row> {
    let bucket = this.#buckets.get(rank)
    if (bucket === undefined) {
      bucket = { rank, first: null, last: null }
      this.#buckets.set(rank, bucket)
      // Windows come in the order of their ends, nearly always.
      if (rank > (this.#inOrder.at(-1)?.rank ?? Number.NEGATIVE_INFINITY)) this.#inOrder.push(bucket)
      else this.#inOrder.splice(this.#indexOf(rank), 0, bucket)
    }
    const place: Place<Row> = { key, bucket, entry: null, before: bucket.last, behind: null }
    if (bucket.last === null) bucket.first = place
    else bucket.last.behind = place
    bucket.last = place
    this.#places.set(key, place)
    return place
  }

  #leave(place: Place<Row>): void {
    const { key, bucket, before, behind } = place
    this.#places.delete(key)
    this.#vacated.delete(place)
    if (before === null) bucket.first = behind
    else before.behind = behind
    if (behind === null) bucket.last = before
    else behind.before = before
    if (bucket.first !== null) return
    this.#buckets.delete(bucket.rank)
    if (this.#inOrder[0] === bucket) this.#inOrder.shift()
    else this.#inOrder.splice(this.#indexOf(bucket.rank), 1)
  }

  /** Where the bucket of a rank is, or belongs. */
  #indexOf(rank: number): number {
    let low = 0
    let high = this.#inOrder.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#inOrder[middle]!.rank < rank) low = middle + 1
      else high = middle
    }
    return low
  }

  #evict(): void {
    const { rowsMax, keepMs } = this.limits
    while (this.size > rowsMax || keepMs !== null) {
      const oldest = this.#oldest()
      if (oldest === null) return
      const timeMs = oldest.entry!.timeMs
      const isExpired = keepMs !== null && timeMs !== null && timeMs <= this.#reachedMs - keepMs
      if (this.size <= rowsMax && !isExpired) return
      this.#leave(oldest)
      for (const observer of this.#observers) observer.removed(oldest.key)
      this.#evictedCount++
    }
  }

  /** The entry that leaves first; places that are vacated are passed over. */
  #oldest(): Place<Row> | null {
    for (const { first } of this.#inOrder) {
      for (let place = first; place !== null; place = place.behind) if (place.entry !== null) return place
    }
    return null
  }

  #makeSnapshot(): ViewSnapshot<Row> {
    const entries = this.entries()
    return Object.freeze({
      version: this.#version,
      rows: Object.freeze(entries.map(({ row }) => row)),
      panes: Object.freeze(entries.map(({ pane }) => pane)),
      evictedCount: this.#evictedCount,
    })
  }
}
