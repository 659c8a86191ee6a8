/**
 * The one loop of the page: everything that is drawn is drawn from here.
 *
 * Before: the browser's frames. After: panels, one of which draws in every other frame and the rest a few times a second.
 *
 * The picture moves by half a pixel a frame, so it is drawn in every other one; the frames between belong to everything else, one thing in each.
 * So no frame has two pieces of work, and on a slow machine the page still answers.
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
  readonly #moving: Drawn[] = []
  readonly #scheduled: Scheduled[] = []
  #isEven = false
  #isHeld = false
  #frameCount = 0
  #countedMs = 0
  /** Frames in the last second. */
  rate = 0

  /** Draws in every other frame. */
  move(drawn: Drawn): void {
    this.#moving.push(drawn)
  }

  /** Draws every `everyMs`. */
  add(drawn: Drawn, everyMs: number): void {
    this.#scheduled.push({ drawn, everyMs, nextMs: 0 })
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
    this.#isEven = !this.#isEven
    if (this.#isEven) {
      for (const drawn of this.#moving) drawn.frame(nowMs)
      return
    }
    // The one that has waited longest.
    let next: Scheduled | null = null
    for (const entry of this.#scheduled) if (entry.nextMs <= elapsedMs && (next === null || entry.nextMs < next.nextMs)) next = entry
    if (next === null) return
    next.nextMs = elapsedMs + next.everyMs
    next.drawn.frame(nowMs)
  }

  #count(elapsedMs: number): void {
    this.#frameCount++
    if (elapsedMs - this.#countedMs < 1000) return
    this.rate = Math.round((this.#frameCount * 1000) / (elapsedMs - this.#countedMs))
    this.#frameCount = 0
    this.#countedMs = elapsedMs
  }
}
