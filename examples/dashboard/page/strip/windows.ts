/**
 * The row of windows: each fills like a lock, closes when the watermark has passed it, glows when it is corrected, and fades when it is final.
 *
 * Before: model.fleet. After: the event-time picture.
 */

import { LATENESS_MS, WINDOW_MS, windowStartOf } from '../../cells.ts'
import { formatCelsius, formatCount, formatShort } from '../format.ts'
import type { FleetWindow, Model } from '../model.ts'
import type { Palette } from '../palette.ts'
import type { Scene } from './scene.ts'

export type WindowState = 'filling' | 'closed' | 'corrected' | 'final'

const GLOW_MS = 1_000
const FONT = 'system-ui, sans-serif'

export function stateOf(window: FleetWindow, watermarkMs: number): WindowState {
  if (watermarkMs < window.endMs - 1) return 'filling'
  if (watermarkMs >= window.endMs - 1 + LATENESS_MS) return 'final'
  return window.corrections > 0 ? 'corrected' : 'closed'
}

export class WindowBoxes {
  readonly #palette: Palette
  /** What a full window holds, smoothed, so that levels do not jump. */
  #full = 1

  constructor(palette: Palette) {
    this.#palette = palette
  }

  draw(context: CanvasRenderingContext2D, scene: Scene, model: Model, watermarkMs: number): void {
    const shown: FleetWindow[] = []
    const firstMs = windowStartOf(scene.nowMs - ((scene.nowX + 200) * 1000) / scene.pace)
    for (let startMs = firstMs; startMs < scene.nowMs + 5_000; startMs += WINDOW_MS) {
      const window = model.fleet.get(startMs)
      if (window !== undefined) shown.push(window)
    }
    const fullest = Math.max(1, ...shown.map(({ n }) => n))
    this.#full += (fullest - this.#full) * (this.#full === 1 ? 1 : 0.08)
    for (const window of shown) this.#box(context, scene, window, watermarkMs)
  }

  #box(context: CanvasRenderingContext2D, scene: Scene, window: FleetWindow, watermarkMs: number): void {
    const palette = this.#palette
    const { boxesTop: top, boxesBottom: bottom } = scene
    const left = scene.x(window.startMs) + 2
    const width = scene.x(window.endMs) - 2 - left
    if (left + width < 0 || left > scene.width) return
    const state = stateOf(window, watermarkMs)
    const level = Math.min(1, window.n / this.#full)
    const height = bottom - top
    context.save()
    context.beginPath()
    context.roundRect(left, top, width, height, 6)
    context.fillStyle = palette.get('sunken')
    context.fill()
    context.clip()
    const filled = Math.max(2, level * (height - 3))
    context.fillStyle = state === 'final' ? palette.alpha('ink-3', 0.12) : palette.alpha('water', state === 'filling' ? 0.22 : 0.3)
    context.fillRect(left, bottom - filled, width, filled)
    if (state !== 'final') {
      context.fillStyle = palette.alpha('water', 0.65)
      context.fillRect(left, bottom - filled, width, 1.5)
    }
    context.restore()
    const glow = window.before === null ? 0 : Math.max(0, 1 - (scene.nowMs - window.changedMs) / GLOW_MS)
    context.beginPath()
    context.roundRect(left + 0.5, top + 0.5, width - 1, height - 1, 6)
    context.lineWidth = 1 + glow * 1.5
    context.setLineDash(state === 'filling' ? [4, 4] : [])
    context.strokeStyle = palette.get(state === 'final' ? 'line' : state === 'filling' ? 'line-2' : 'water')
    if (glow > 0) context.strokeStyle = palette.alpha('amber', 0.25 + 0.75 * glow)
    context.stroke()
    context.setLineDash([])
    this.#text(context, scene, { window, state, glow, left, width })
  }

  #text(
    context: CanvasRenderingContext2D,
    scene: Scene,
    box: {
      readonly window: FleetWindow
      readonly state: WindowState
      readonly glow: number
      readonly left: number
      readonly width: number
    },
  ): void {
    const { window, state, glow, left, width } = box
    const palette = this.#palette
    const isSmall = width < 84
    const x = Math.max(left + (isSmall ? 6 : 10), isSmall ? 0 : 10)
    if (left + width - x < (isSmall ? 20 : 62)) return
    const top = scene.boxesTop
    context.save()
    context.beginPath()
    context.rect(left, top, width - 4, scene.boxesBottom - top)
    context.clip()
    context.textBaseline = 'alphabetic'
    context.textAlign = 'left'
    context.fillStyle = palette.get(state === 'final' ? 'ink-2' : 'ink')
    context.font = `600 ${isSmall ? 13 : 16}px ${FONT}`
    context.fillText(isSmall ? formatShort(window.n) : formatCount(window.n), x, top + 24)
    context.font = `400 ${isSmall ? 11 : 13}px ${FONT}`
    context.fillStyle = palette.get('ink-2')
    context.fillText(isSmall ? `${formatCelsius(window.mean)}°` : `mean ${formatCelsius(window.mean)} °C`, x, top + 44)
    const grown = window.before === null ? 0 : window.n - window.before.n
    if (glow > 0 && grown > 0) {
      context.font = `600 ${isSmall ? 11 : 13}px ${FONT}`
      context.fillStyle = palette.get('amber')
      context.fillText(isSmall ? `+${formatShort(grown)}` : `+${formatCount(grown)} corrected`, x, top + 64)
    } else {
      context.fillStyle = palette.get('ink-3')
      context.fillText(state === 'corrected' && !isSmall ? `corrected ${window.corrections} ×` : state, x, top + 64)
    }
    context.restore()
  }
}
