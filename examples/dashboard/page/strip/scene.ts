/**
 * Where things are in the event-time picture: across is when something was measured, up is how long ago it arrived.
 *
 * Before: the size of the canvas and the clock. After: everything that is drawn in it.
 *
 * Invariant: the moment "now" is at one place in all frames; time moves, not the picture.
 */

export interface Scene {
  readonly width: number
  readonly height: number
  readonly nowMs: number
  /** Pixels a second across. */
  readonly pace: number
  /** The part with the dots. */
  readonly top: number
  readonly bottom: number
  /** The row of windows below it. */
  readonly boxesTop: number
  readonly boxesBottom: number
  readonly nowX: number
  readonly isNarrow: boolean
  x(ms: number): number
  /** Of something that arrived then. */
  y(arrivedMs: number): number
}

/** How long ago the oldest dots arrived, ms. */
export const DEPTH_MS = 6_000
const AXIS = 28
const BOXES = 76
const GAP = 22

export function sceneOf(width: number, height: number, nowMs: number): Scene {
  const isNarrow = width < 640
  const seconds = isNarrow ? 29 : 33
  const pace = width / seconds
  const nowX = width - (isNarrow ? 2.4 : 3.2) * pace
  const boxesBottom = height - AXIS
  const boxesTop = boxesBottom - BOXES
  const bottom = boxesTop - GAP
  const top = 6
  return {
    width,
    height,
    nowMs,
    pace,
    top,
    bottom,
    boxesTop,
    boxesBottom,
    nowX,
    isNarrow,
    x: (ms) => nowX + ((ms - nowMs) * pace) / 1000,
    y: (arrivedMs) => bottom - ((nowMs - arrivedMs) / DEPTH_MS) * (bottom - top),
  }
}
