/**
 * What one window knows of every device: count, sum and extremes, as columns with a place for each device.
 *
 * Before: results and late records of the job, or the generator's truth. After: the heat map, and the comparison of the ledger.
 *
 * Invariant: a device with `n` 0 has nothing in this window, whatever its other cells say.
 */

export interface Cells {
  readonly startMs: number
  /** By number of the device. */
  n: Uint32Array<ArrayBuffer>
  sum: Float64Array<ArrayBuffer>
  min: Float32Array<ArrayBuffer>
  max: Float32Array<ArrayBuffer>
  /** How often a late record has corrected the cell. */
  corrections: Uint16Array<ArrayBuffer>
}

/** Windows of devices are so long. */
export const WINDOW_MS = 5_000
/** How long a window takes corrections after it has closed. */
export const LATENESS_MS = 20_000
/** How far readings may be behind the newest one without being late. */
export const DISORDER_MS = 2_000
/** How far a reading may be ahead of the clock here and still move the watermark: a device whose clock is ahead must not close the windows of others. */
export const FUTURE_MS = 250
/** Windows that the page shows. */
export const WINDOWS_KEPT = 60
/** Windows that are held: those that the page shows, and two that may be filling already. What is older has nobody who asks for it. */
export const WINDOWS_HELD = WINDOWS_KEPT + 2

export function emptyCells(startMs: number, devices: number): Cells {
  return {
    startMs,
    n: new Uint32Array(devices),
    sum: new Float64Array(devices),
    min: new Float32Array(devices),
    max: new Float32Array(devices),
    corrections: new Uint16Array(devices),
  }
}

/** Makes room for a device with this number. */
export function reserve(cells: Cells, device: number): void {
  if (device < cells.n.length) return
  const length = Math.max(device + 1, cells.n.length * 2)
  const grown = emptyCells(cells.startMs, length)
  for (const column of ['n', 'sum', 'min', 'max', 'corrections'] as const) grown[column].set(cells[column])
  Object.assign(cells, grown)
}

/** Adds one value to the cell of a device. */
export function addValue(cells: Cells, device: number, value: number): void {
  reserve(cells, device)
  const isFirst = cells.n[device] === 0
  cells.n[device]!++
  cells.sum[device] = (isFirst ? 0 : cells.sum[device]!) + value
  if (isFirst || value < cells.min[device]!) cells.min[device] = value
  if (isFirst || value > cells.max[device]!) cells.max[device] = value
}

/** How many devices have something in the window. */
export function filledCount(cells: Cells): number {
  let count = 0
  for (const n of cells.n) if (n > 0) count++
  return count
}

/** The window a time lies in. */
export function windowStartOf(ms: number): number {
  return Math.floor(ms / WINDOW_MS) * WINDOW_MS
}
