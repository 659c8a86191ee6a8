/**
 * Changes of a view between two messages: collected on the worker's side, applied on the page's.
 *
 * Before: the view of a sink tells every change. After: a copy of the view that has the same rows.
 * A row that changed many times since the last message travels once; one that came and went does not travel.
 *
 * Invariant: when all deltas of a start are applied, the copy has the rows of the view (and may have rows of an earlier start besides).
 */

import { type RowObject, setField, type Value } from '../record-batch.ts'
import { CHANGES } from '../sink/pane.ts'
import type { MaterializedView, ViewEntry, ViewObserver } from '../sink/view.ts'
import type { ViewDelta, ViewDescription } from './protocol.ts'

/** Collects what changes in a view, beginning with all that is there. */
export class DeltaCollector implements ViewObserver {
  readonly #view: MaterializedView
  readonly #name: string
  readonly #stop: () => void
  /** Keys whose entry the other side has. */
  readonly #sent = new Set<string>()
  readonly #changed = new Set<string>()
  readonly #removed = new Set<string>()
  #evictedCount = 0

  constructor(view: MaterializedView, name: string) {
    this.#view = view
    this.#name = name
    for (const { key } of view.entries()) this.#changed.add(key)
    this.#stop = view.observe(this)
  }

  changed(key: string): void {
    this.#changed.add(key)
    this.#removed.delete(key)
  }

  removed(key: string): void {
    this.#changed.delete(key)
    if (this.#sent.has(key)) this.#removed.add(key)
  }

  close(): void {
    this.#stop()
  }

  /** What changed since the last call; null when nothing did. */
  take(): ViewDelta | null {
    const { evictedCount } = this.#view
    if (this.#changed.size === 0 && this.#removed.size === 0 && evictedCount === this.#evictedCount) return null
    const entries = Array.from(this.#changed, (key) => this.#view.get(key)!)
    const columns = entries.length === 0 ? [] : Object.keys(entries[0]!.row)
    const delta: ViewDelta = {
      view: this.#name,
      removed: [...this.#removed],
      keys: [...this.#changed],
      ranks: Float64Array.from(entries, ({ rank }) => rank),
      timesMs: Float64Array.from(entries, ({ timeMs }) => timeMs ?? Number.NaN),
      columns,
      values: columns.map((column) => entries.map(({ row }) => row[column]!)),
      paneIndexes: Uint32Array.from(entries, ({ pane }) => pane.index),
      paneFlags: Uint8Array.from(entries, ({ pane }) => pane.timing + 4 * CHANGES.indexOf(pane.change) + (pane.isLast ? 16 : 0)),
      evictedCount,
    }
    for (const key of this.#removed) this.#sent.delete(key)
    for (const key of this.#changed) this.#sent.add(key)
    this.#removed.clear()
    this.#changed.clear()
    this.#evictedCount = evictedCount
    return delta
  }
}

/** Puts the rows of a delta into a copy of the view; what it removes goes first. */
export function applyDelta(view: MaterializedView, delta: ViewDelta): void {
  for (const key of delta.removed) view.take(key)
  delta.keys.forEach((key, index) => {
    view.put(entryOf(delta, key, index))
  })
  view.setEvictedCount(delta.evictedCount)
}

/** Takes out of a copy what an earlier start left and the new one does not go on from. */
export function beginAnew(view: MaterializedView, { limits, continues, fromRow }: ViewDescription): void {
  view.limits = limits
  if (!continues) return view.clear()
  if (fromRow === null) return
  for (const { key } of view.entries()) if (Number(key) >= fromRow) view.take(key)
}

function entryOf(delta: ViewDelta, key: string, index: number): ViewEntry {
  const row: RowObject = {}
  delta.columns.forEach((column, at) => {
    setField(row, column, delta.values[at]![index] as Value)
  })
  const flags = delta.paneFlags[index]!
  const pane = { index: delta.paneIndexes[index]!, timing: flags & 3, change: CHANGES[(flags >> 2) & 3]!, isLast: flags >= 16 }
  const timeMs = delta.timesMs[index]!
  return { key, rank: delta.ranks[index]!, timeMs: Number.isNaN(timeMs) ? null : timeMs, row, pane }
}
