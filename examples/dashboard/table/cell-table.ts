/**
 * A table of windows and devices in memory, that knows what has changed since it was last asked.
 *
 * Before: device-sink.ts and late-sink.ts write into it. After: page-port.ts sends changes to the page, cell-store.ts keeps them.
 *
 * Invariant: windows older than `windowsKept` before the newest are gone; a change to one of them is not lost to the counts of the job,
 * only to the picture.
 */

import { type Cells, emptyCells, WINDOW_MS } from '../cells.ts'

/** Cells of one window that changed: columns of the same length, as they are sent to the page. */
export interface CellChanges {
  readonly startMs: number
  readonly device: Uint16Array<ArrayBuffer>
  readonly n: Uint32Array<ArrayBuffer>
  readonly sum: Float64Array<ArrayBuffer>
  readonly min: Float32Array<ArrayBuffer>
  readonly max: Float32Array<ArrayBuffer>
  readonly corrections: Uint16Array<ArrayBuffer>
}

const DEVICES_AT_FIRST = 1_024

export class CellTable {
  readonly #windowsKept: number
  readonly #windows = new Map<number, Cells>()
  /** Devices of each window that changed since the last {@link takeChanges}, and windows since the last {@link takeDirty}. */
  readonly #changed = new Map<number, Set<number>>()
  readonly #dirty = new Set<number>()
  #newestMs = Number.NEGATIVE_INFINITY

  constructor(windowsKept: number) {
    this.#windowsKept = windowsKept
  }

  /** The cells of a window, to be changed; null when it is too old to be kept. */
  window(startMs: number): Cells | null {
    const known = this.#windows.get(startMs)
    if (known !== undefined) return known
    if (startMs <= this.#newestMs - this.#windowsKept * WINDOW_MS) return null
    const cells = emptyCells(startMs, DEVICES_AT_FIRST)
    this.#windows.set(startMs, cells)
    if (startMs > this.#newestMs) {
      this.#newestMs = startMs
      this.#dropOld()
    }
    return cells
  }

  windows(): Iterable<Cells> {
    return this.#windows.values()
  }

  /** Notes that the cell of a device has changed. */
  touch(startMs: number, device: number): void {
    let devices = this.#changed.get(startMs)
    if (devices === undefined) this.#changed.set(startMs, (devices = new Set()))
    devices.add(device)
    this.#dirty.add(startMs)
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  /** Changes since the last call, by window. */
  takeChanges(): CellChanges[] {
    const changes = [...this.#changed].flatMap(([startMs, devices]) => {
      const cells = this.#windows.get(startMs)
      return cells === undefined ? [] : [changesOf(cells, devices)]
    })
    this.#changed.clear()
    return changes
  }

  /** Windows that changed since the last call. */
  takeDirty(): Cells[] {
    const dirty = [...this.#dirty].flatMap((startMs) => this.#windows.get(startMs) ?? [])
    this.#dirty.clear()
    return dirty
  }

  /** Replaces everything, as at a restart from a checkpoint. Nothing counts as changed. */
  load(windows: Iterable<Cells>): void {
    this.#windows.clear()
    this.#changed.clear()
    this.#dirty.clear()
    this.#newestMs = Number.NEGATIVE_INFINITY
    for (const cells of windows) {
      this.#windows.set(cells.startMs, cells)
      this.#newestMs = Math.max(this.#newestMs, cells.startMs)
    }
    this.#dropOld()
  }

  #dropOld(): void {
    for (const startMs of this.#windows.keys()) {
      if (startMs > this.#newestMs - this.#windowsKept * WINDOW_MS) continue
      this.#windows.delete(startMs)
      this.#changed.delete(startMs)
      this.#dirty.delete(startMs)
    }
  }
}

/** All cells of a window that have something, as changes. */
export function wholeWindow(cells: Cells): CellChanges {
  const devices: number[] = []
  cells.n.forEach((n, device) => {
    if (n > 0) devices.push(device)
  })
  return changesOf(cells, devices)
}

function changesOf(cells: Cells, devices: Iterable<number>): CellChanges {
  const device = Uint16Array.from(devices)
  const picked = <T extends { [index: number]: number }>(into: T, from: ArrayLike<number>): T => {
    for (let index = 0; index < device.length; index++) into[index] = from[device[index]!]!
    return into
  }
  return {
    startMs: cells.startMs,
    device,
    n: picked(new Uint32Array(device.length), cells.n),
    sum: picked(new Float64Array(device.length), cells.sum),
    min: picked(new Float32Array(device.length), cells.min),
    max: picked(new Float32Array(device.length), cells.max),
    corrections: picked(new Uint16Array(device.length), cells.corrections),
  }
}
