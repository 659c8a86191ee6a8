/**
 * Readings as dots: one picture for each fate, stamped where a reading is.
 *
 * Before: model.dots. After: the event-time picture.
 *
 * Invariant: fates differ in form as well as in colour.
 */

import { AHEAD, CORRECTS, type Dot, type Fate, ON_TIME, TOO_LATE } from '../model.ts'
import { hasReducedMotion, type Palette } from '../palette.ts'
import { DEPTH_MS, type Scene } from './scene.ts'

const STAMP = 16
/** How long the arrival of one that is late is marked, ms. */
const MARK_MS = 900

export class Dots {
  readonly #palette: Palette
  #stamps = new Map<Fate, ImageBitmap>()
  #key = ''

  constructor(palette: Palette) {
    this.#palette = palette
  }

  draw(context: CanvasRenderingContext2D, scene: Scene, dots: readonly Dot[], ratio: number): void {
    this.#prepare(ratio)
    const isCalm = hasReducedMotion()
    for (const dot of dots) {
      const age = scene.nowMs - dot.arrivedMs
      if (age > DEPTH_MS || age < 0) continue
      const x = scene.x(dot.at)
      if (x < -STAMP || x > scene.width + STAMP) continue
      const y = scene.y(dot.arrivedMs)
      // Old ones fade away at the top instead of being cut off.
      context.globalAlpha = Math.min(1, (DEPTH_MS - age) / 1_200) * (dot.fate === ON_TIME ? 0.85 : 1)
      if (!isCalm && age < MARK_MS && (dot.fate === CORRECTS || dot.fate === TOO_LATE)) this.#mark(context, scene, dot.fate, x, y, age)
      context.drawImage(this.#stamps.get(dot.fate)!, x - STAMP / 2, y - STAMP / 2, STAMP, STAMP)
    }
    context.globalAlpha = 1
  }

  /** A ring that widens, and a line down to the window. */
  #mark(context: CanvasRenderingContext2D, scene: Scene, fate: Fate, x: number, y: number, age: number): void {
    const part = age / MARK_MS
    context.strokeStyle = this.#palette.alpha(fate === CORRECTS ? 'amber' : 'rose', (1 - part) * 0.9)
    context.lineWidth = 1.5
    context.beginPath()
    context.arc(x, y, 5 + part * 11, 0, 2 * Math.PI)
    if (fate === CORRECTS) {
      context.moveTo(x, y + 6)
      context.lineTo(x, scene.boxesTop)
    }
    context.stroke()
  }

  #prepare(ratio: number): void {
    const key = `${this.#palette.version} ${ratio}`
    if (key === this.#key) return
    this.#key = key
    this.#stamps = new Map(([ON_TIME, CORRECTS, TOO_LATE, AHEAD] as const).map((fate) => [fate, this.#stamp(fate, ratio)]))
  }

  #stamp(fate: Fate, ratio: number): ImageBitmap {
    const canvas = new OffscreenCanvas(Math.round(STAMP * ratio), Math.round(STAMP * ratio))
    const context = canvas.getContext('2d')!
    context.scale(ratio, ratio)
    context.translate(STAMP / 2, STAMP / 2)
    const palette = this.#palette
    context.beginPath()
    switch (fate) {
      case ON_TIME:
        context.fillStyle = palette.get('dot')
        context.arc(0, 0, 2.3, 0, 2 * Math.PI)
        context.fill()
        break
      case CORRECTS:
        context.fillStyle = palette.get('amber')
        context.rotate(Math.PI / 4)
        context.rect(-3.4, -3.4, 6.8, 6.8)
        context.fill()
        break
      case TOO_LATE:
        context.strokeStyle = palette.get('rose')
        context.lineWidth = 2
        context.lineCap = 'round'
        context.moveTo(-3.6, -3.6)
        context.lineTo(3.6, 3.6)
        context.moveTo(3.6, -3.6)
        context.lineTo(-3.6, 3.6)
        context.stroke()
        break
      case AHEAD:
        context.strokeStyle = palette.get('ink-3')
        context.lineWidth = 1.6
        context.arc(0, 0, 3, 0, 2 * Math.PI)
        context.stroke()
        break
      default: {
        const never: never = fate
        throw new TypeError(`Unknown fate ${String(never)}`)
      }
    }
    return canvas.transferToImageBitmap()
  }
}
