/**
 * When a page draws: what is shown at most once per frame waits here.
 *
 * Before: remote-views.ts, and hooks of React. After: the page's next frame.
 * Hidden pages draw no frames: there a second passes instead, so that a title or a test still sees what is new. Where nothing is drawn (threads,
 * workers) a sixtieth of a second stands for a frame.
 */

import type { Clock } from './clock.ts'

/** Calls back at the next frame. @returns what calls that off. */
export type NextFrame = (callback: () => void) => () => void

const FRAME_MS = 16
const HIDDEN_MS = 1_000

export function framesOf(clock: Clock): NextFrame {
  return (callback) => {
    const done = new AbortController()
    const run = () => {
      if (done.signal.aborted) return
      done.abort()
      callback()
    }
    const hasFrames = typeof requestAnimationFrame === 'function'
    const frame = hasFrames ? requestAnimationFrame(run) : 0
    void clock.sleep(hasFrames ? HIDDEN_MS : FRAME_MS, done.signal).then(run)
    return () => {
      done.abort()
      if (hasFrames) cancelAnimationFrame(frame)
    }
  }
}
