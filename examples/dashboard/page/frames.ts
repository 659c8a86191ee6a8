/**
 * The one loop of the page: everything that is drawn is drawn from here, once a frame.
 *
 * Before: the browser's frames. After: panels, some of which draw in every frame and some a few times a second.
 *
 * Invariant: nothing is drawn while the page is hidden or held.
 */

export interface Drawn {
  /** @param nowMs - Milliseconds since the epoch, with fractions. */
  frame(nowMs: number): void
}

interface Scheduled {
  readonly drawn: Drawn
  readonly everyMs: number
  nextMs: number
}

export class Frames {
  readonly #scheduled: Scheduled[] = []
  #isHeld = false
  #frameCount = 0
  #countedMs = 0
  /** Frames in the last second. */
  rate = 0

  /** Draws every `everyMs`; 0: in every frame. Those that draw seldom are spread over different frames. */
  add(drawn: Drawn, everyMs = 0): void {
    this.#scheduled.push({ drawn, everyMs, nextMs: this.#scheduled.length * 17 })
  }

  start(): void {
    const step = (elapsedMs: number) => {
      this.#count(elapsedMs)
      if (!this.#isHeld) this.#draw(performance.timeOrigin + performance.now(), elapsedMs)
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
  }

  #draw(nowMs: number, elapsedMs: number): void {
    // At most one of the seldom ones a frame: two at once would make a long frame.
    let hasDrawnSeldom = false
    for (const entry of this.#scheduled) {
      if (entry.everyMs > 0) {
        if (elapsedMs < entry.nextMs || hasDrawnSeldom) continue
        entry.nextMs = elapsedMs + entry.everyMs
        hasDrawnSeldom = true
      }
      entry.drawn.frame(nowMs)
    }
  }

  #count(elapsedMs: number): void {
    this.#frameCount++
    if (elapsedMs - this.#countedMs < 1000) return
    this.rate = Math.round((this.#frameCount * 1000) / (elapsedMs - this.#countedMs))
    this.#frameCount = 0
    this.#countedMs = elapsedMs
  }
}
