/**
 * What lights up over the heat map: a ring around a corrected cell, and one correction at a time in words.
 *
 * Before: heat-map.ts says which and where. After: elements that the browser moves and fades by itself, so that the map below is drawn when it
 * changes and not in every frame.
 *
 * Invariant: elements are made once; a ring that is needed again begins anew.
 */

import { nameOf } from '../../generator/fleet.ts'
import { formatCelsius, setText } from '../format.ts'
import type { Correction } from '../model.ts'
import { hasReducedMotion } from '../palette.ts'

/** A cell, in pixels of the map. */
export interface CellPlace {
  readonly x: number
  /** Its middle. */
  readonly y: number
  readonly width: number
  readonly height: number
}

const RINGS = 16
const RING_MS = 1_600
const CALLOUT_MS = 2_400
/** Room that words need beside a cell. */
const CALLOUT_WIDTH = 240

export class HeatMarks {
  readonly #rings: readonly HTMLElement[]
  readonly #callout = document.createElement('div')
  #next = 0
  #calledMs = Number.NEGATIVE_INFINITY

  constructor(canvas: HTMLCanvasElement) {
    const layer = document.createElement('div')
    layer.className = 'heat-marks'
    layer.setAttribute('aria-hidden', 'true')
    this.#rings = Array.from({ length: RINGS }, () => Object.assign(document.createElement('i'), { className: 'heat-ring' }))
    this.#callout.className = 'heat-callout'
    layer.append(...this.#rings, this.#callout)
    canvas.after(layer)
  }

  /** An outline around a corrected cell, which draws together and fades; and words, when there are none. */
  show(correction: Correction, place: CellPlace, plot: { readonly left: number; readonly width: number; readonly height: number }): void {
    if (!hasReducedMotion()) this.#ring(place)
    if (correction.atMs - this.#calledMs > CALLOUT_MS) this.#call(correction, place, plot)
  }

  /** The map has moved on: what was marked is somewhere else. */
  clear(): void {
    for (const element of [...this.#rings, this.#callout]) for (const animation of element.getAnimations()) animation.cancel()
  }

  #ring({ x, y, width, height }: CellPlace): void {
    const ring = this.#rings[this.#next++ % RINGS]!
    const size = { width: width + 2, height: Math.max(7, height + 3) }
    for (const animation of ring.getAnimations()) animation.cancel()
    ring.style.width = `${size.width}px`
    ring.style.height = `${size.height}px`
    const at = `translate(${x - 1}px, ${y - size.height / 2}px)`
    const spread = `${at} scale(${1 + 10 / size.width}, ${1 + 10 / size.height})`
    ring.animate(
      [
        { opacity: 1, transform: spread },
        { opacity: 0.8, transform: at, offset: 0.45 },
        { opacity: 0, transform: at },
      ],
      { duration: RING_MS },
    )
  }

  /** What was there, and what is there now. */
  #call(
    { device, before, after, atMs }: Correction,
    { x, y, width }: CellPlace,
    plot: { readonly left: number; readonly width: number; readonly height: number },
  ): void {
    this.#calledMs = atMs
    const [was, is] = [formatCelsius(before.mean), formatCelsius(after.mean)]
    setText(this.#callout, `${nameOf(device)}  ${was === is ? `${before.n} to ${after.n} readings` : `${was} to ${is} °C`}`)
    const isLeft = x - plot.left > CALLOUT_WIDTH
    this.#callout.dataset['side'] = isLeft ? 'left' : 'right'
    const top = Math.min(plot.height - 16, Math.max(14, y)) - 12
    const end = isLeft ? `translate(${x - 14}px, ${top}px) translateX(-100%)` : `translate(${x + width + 14}px, ${top}px)`
    this.#callout.style.transform = end
    for (const animation of this.#callout.getAnimations()) animation.cancel()
    this.#callout.animate([{ opacity: 0 }, { opacity: 1, offset: 0.06 }, { opacity: 1, offset: 0.83 }, { opacity: 0 }], CALLOUT_MS)
  }
}
