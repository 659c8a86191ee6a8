/**
 * The picture that explains event time: readings arrive out of order, the watermark sweeps behind them, windows fill, close, are corrected.
 *
 * Before: the model. After: the eye; for those who do not see it, a sentence and a table.
 *
 * Invariant: what is drawn is what the job did: dots are readings it read, the line is its watermark, boxes are its results.
 */

import { LATENESS_MS, WINDOW_MS, windowStartOf } from '../../cells.ts'
import { nameOf } from '../../generator/fleet.ts'
import { byId, formatCelsius, formatClock, formatCount, formatDuration, formatMoment, formatWindow, setHidden, setText } from '../format.ts'
import type { Drawn } from '../frames.ts'
import { AHEAD, CORRECTS, type Dot, type Model, ON_TIME, TOO_LATE } from '../model.ts'
import type { ColourName, Palette } from '../palette.ts'
import { Surface } from '../surface.ts'
import { Dots } from './dots.ts'
import { DEPTH_MS, type Scene, sceneOf } from './scene.ts'
import { stateOf, WindowBoxes } from './windows.ts'

const AXIS_FONT = '400 12px system-ui, sans-serif'
const GAP_FONT = '500 12px system-ui, sans-serif'
const NAME_FONT = '560 12px system-ui, sans-serif'
/** A watermark is asked for so often; in between it is drawn as if it went on. */
const BETWEEN_MS = 160
const DIGITS = /\d/g
const DESCRIBE_MS = 5_000

export class Strip implements Drawn {
  readonly #model: Model
  readonly #palette: Palette
  readonly #surface = new Surface(byId<HTMLCanvasElement>('strip'))
  readonly #dots: Dots
  readonly #boxes: WindowBoxes
  readonly #tip = byId('strip-tip')
  #pointer: { readonly x: number; readonly y: number } | null = null
  #describedMs = 0
  readonly #widths = new Map<string, number>()

  constructor(model: Model, palette: Palette) {
    this.#model = model
    this.#palette = palette
    this.#dots = new Dots(palette)
    this.#boxes = new WindowBoxes(palette)
    const { canvas } = this.#surface
    canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => (this.#pointer = { x: offsetX, y: offsetY }))
    canvas.addEventListener('pointerleave', () => (this.#pointer = null))
  }

  frame(nowMs: number): void {
    if (nowMs - this.#describedMs > DESCRIBE_MS) this.#describe(nowMs)
    if (!this.#surface.isVisible || this.#surface.width === 0) return
    const context = this.#surface.begin()
    const scene = sceneOf(this.#surface.width, this.#surface.height, nowMs)
    const watermarkMs = this.#watermarkAt(nowMs)
    context.clearRect(0, 0, scene.width, scene.height)
    this.#grounds(context, scene)
    const chips = this.#chips(context, scene, watermarkMs)
    this.#axes(context, scene, chips)
    this.#watermark(context, scene, watermarkMs)
    this.#dots.draw(context, scene, this.#model.dots, this.#surface.ratio)
    this.#boxes.draw(context, scene, this.#model, this.#model.watermarkMs)
    this.#lines(context, scene, watermarkMs)
    for (const chip of chips) this.#chip(context, scene, chip)
    this.#point(scene)
  }

  /** The watermark as it will have gone on since it was last heard of, if it is going on. */
  #watermarkAt(nowMs: number): number {
    const { marks } = this.#model
    const last = marks.at(-1)
    if (last === undefined) return Number.NEGATIVE_INFINITY
    const isMoving = marks.length > 1 && last.watermarkMs > marks.at(-2)!.watermarkMs
    return last.watermarkMs + (isMoving ? Math.min(BETWEEN_MS, Math.max(0, nowMs - last.atMs)) : 0)
  }

  /** Windows from the moment on at which the watermark passed their end, and from the moment on at which they took no more corrections. */
  #grounds(context: CanvasRenderingContext2D, scene: Scene): void {
    const firstMs = windowStartOf(scene.nowMs - (scene.nowX * 1000) / scene.pace)
    for (let startMs = firstMs; startMs < scene.nowMs; startMs += WINDOW_MS) {
      const left = scene.x(startMs)
      const width = scene.x(startMs + WINDOW_MS) - left
      for (const [lastMs, colour] of [
        [startMs + WINDOW_MS - 1, this.#palette.alpha('water', 0.07)],
        [startMs + WINDOW_MS - 1 + LATENESS_MS, this.#palette.alpha('rose', 0.06)],
      ] as const) {
        const passed = this.#passedMs(lastMs)
        if (passed === null) continue
        const top = Math.max(scene.top, scene.y(passed))
        context.fillStyle = colour
        context.fillRect(left, top, width, scene.bottom - top)
      }
    }
  }

  /** When the watermark reached a time; null: not yet. */
  #passedMs(ms: number): number | null {
    const { marks } = this.#model
    const index = marks.findIndex(({ watermarkMs }) => watermarkMs >= ms)
    if (index === -1) return null
    if (index === 0) return Number.NEGATIVE_INFINITY
    const before = marks[index - 1]!
    const after = marks[index]!
    const part = (ms - before.watermarkMs) / (after.watermarkMs - before.watermarkMs)
    return before.atMs + part * (after.atMs - before.atMs)
  }

  /** Where the watermark was, from now up to the oldest arrivals that are shown. */
  #curve(scene: Scene, watermarkMs: number): { readonly x: number; readonly y: number }[] {
    if (!Number.isFinite(watermarkMs)) return []
    const curve = [{ x: scene.x(watermarkMs), y: scene.bottom }]
    for (const { atMs, watermarkMs: mark } of this.#model.marks.toReversed()) {
      const y = scene.y(atMs)
      curve.push({ x: scene.x(mark), y: Math.max(scene.top, y) })
      if (y < scene.top) break
    }
    return curve
  }

  #axes(context: CanvasRenderingContext2D, scene: Scene, chips: readonly Chip[]): void {
    const palette = this.#palette
    context.lineWidth = 1
    context.font = AXIS_FONT
    context.textBaseline = 'alphabetic'
    context.textAlign = 'center'
    const firstMs = windowStartOf(scene.nowMs - (scene.nowX * 1000) / scene.pace) - WINDOW_MS
    const every = scene.isNarrow ? 2 : 1
    for (let ms = firstMs; ms < scene.nowMs + 8_000; ms += WINDOW_MS) {
      const x = Math.round(scene.x(ms)) + 0.5
      context.strokeStyle = palette.get('line')
      context.beginPath()
      context.moveTo(x, scene.top)
      context.lineTo(x, scene.bottom)
      context.stroke()
      const isCovered = chips.some(({ left, width }) => x + 32 > left && x - 32 < left + width)
      if ((ms / WINDOW_MS) % every !== 0 || x < 26 || x > scene.width - 26 || isCovered) continue
      context.fillStyle = palette.get('ink-3')
      context.fillText(formatClock(ms), x, scene.height - 9)
    }
    context.textAlign = 'left'
    for (const seconds of [2, 4]) {
      const y = Math.round(scene.y(scene.nowMs - seconds * 1000)) + 0.5
      context.strokeStyle = palette.get('line')
      context.beginPath()
      context.moveTo(0, y)
      context.lineTo(scene.width, y)
      context.stroke()
      context.fillStyle = palette.get('ink-3')
      context.fillText(`arrived ${seconds} s ago`, 2, y - 5)
    }
    // Where everything would be if nothing took any time.
    context.strokeStyle = palette.get('line-2')
    context.setLineDash([2, 4])
    context.beginPath()
    context.moveTo(scene.nowX, scene.bottom)
    context.lineTo(scene.x(scene.nowMs - DEPTH_MS), scene.top)
    context.stroke()
    context.setLineDash([])
  }

  #watermark(context: CanvasRenderingContext2D, scene: Scene, watermarkMs: number): void {
    const curve = this.#curve(scene, watermarkMs)
    if (curve.length < 2) return
    context.strokeStyle = this.#palette.get('water')
    context.lineWidth = 2
    context.lineJoin = 'round'
    context.beginPath()
    curve.forEach(({ x, y }, index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)))
    context.stroke()
  }

  /** What goes through windows and dots: now, the watermark, and where corrections end. */
  #lines(context: CanvasRenderingContext2D, scene: Scene, watermarkMs: number): void {
    const palette = this.#palette
    const line = (x: number, from: number, colour: string, width: number, dash: number[] = []) => {
      context.strokeStyle = colour
      context.lineWidth = width
      context.setLineDash(dash)
      context.beginPath()
      context.moveTo(x, from)
      context.lineTo(x, scene.boxesBottom + 4)
      context.stroke()
      context.setLineDash([])
    }
    line(scene.nowX, scene.top, palette.get('ink-3'), 1)
    if (Number.isFinite(watermarkMs)) {
      const x = scene.x(watermarkMs)
      const endX = scene.x(watermarkMs - LATENESS_MS)
      if (x > 0) {
        line(x, scene.bottom, palette.get('water'), 2)
        this.#gap(context, scene, x)
      }
      if (endX > 60) line(endX, scene.bottom, palette.get('rose'), 1.5, [3, 3])
      this.#regions(context, scene, watermarkMs)
    }
  }

  /** What it means to arrive there. */
  #regions(context: CanvasRenderingContext2D, scene: Scene, watermarkMs: number): void {
    const { marks } = this.#model
    const topMs = scene.nowMs - DEPTH_MS * 0.9
    const mark = marks.find(({ atMs }) => atMs >= topMs)?.watermarkMs ?? watermarkMs
    const x = scene.x(mark)
    const endX = scene.x(mark - LATENESS_MS)
    const y = scene.top + 15
    if (endX > 96) this.#label(context, 'too late', endX - 12, y, this.#palette.get('rose'), 'right')
    if (x - endX > 200)
      this.#label(
        context,
        scene.isNarrow ? 'corrects' : 'its window has closed: corrects it',
        x - 14,
        y,
        this.#palette.get('amber'),
        'right',
      )
    if (!scene.isNarrow) this.#label(context, 'arrives in time', scene.x(topMs) + 26, y, this.#palette.get('dot'), 'left')
  }

  /** Names of the lines, on the axis below them. */
  #chips(context: CanvasRenderingContext2D, scene: Scene, watermarkMs: number): readonly Chip[] {
    context.font = NAME_FONT
    const chip = (text: string, x: number, colour: ColourName, part: number): Chip => {
      const width = this.#widthOf(context, text) + 14
      return { text, colour, width, left: Math.max(0, Math.min(scene.width - width, x - width * part)) }
    }
    const isNarrow = scene.isNarrow
    const now = chip(isNarrow ? 'now' : `now ${formatClock(scene.nowMs)}`, scene.nowX, 'ink-2', isNarrow ? 0.3 : 0.07)
    if (!Number.isFinite(watermarkMs)) return [now]
    const x = scene.x(watermarkMs)
    const endX = scene.x(watermarkMs - LATENESS_MS)
    return [
      ...(endX > 60 ? [chip(isNarrow ? 'final' : 'corrections end', endX, 'rose', 0.5)] : []),
      ...(x > 0 ? [chip(isNarrow ? 'watermark' : `watermark ${formatMoment(watermarkMs)}`, x, 'water', 0.94)] : []),
      now,
    ]
  }

  #chip(context: CanvasRenderingContext2D, scene: Scene, { text, colour, left, width }: Chip): void {
    const top = scene.boxesBottom + 5
    context.fillStyle = this.#palette.get(colour)
    context.beginPath()
    context.roundRect(left, top, width, 20, 6)
    context.fill()
    context.font = NAME_FONT
    context.fillStyle = this.#palette.get('panel')
    context.textAlign = 'left'
    context.textBaseline = 'middle'
    context.fillText(text, left + 7, top + 10.5)
  }

  /** The distance between now and the watermark, as a measure between dots and windows. */
  #gap(context: CanvasRenderingContext2D, scene: Scene, x: number): void {
    const y = Math.round((scene.bottom + scene.boxesTop) / 2) + 0.5
    const text = `${((scene.nowX - x) / scene.pace).toFixed(1)} s`
    context.font = GAP_FONT
    const half = this.#widthOf(context, text) / 2 + 5
    const middle = (x + scene.nowX) / 2
    if (scene.nowX - x < half * 2) return
    context.strokeStyle = this.#palette.get('ink-3')
    context.lineWidth = 1
    context.beginPath()
    for (const [from, to] of [
      [x + 3, middle - half],
      [middle + half, scene.nowX - 3],
    ] as const) {
      context.moveTo(from, y)
      context.lineTo(Math.max(from, to), y)
    }
    context.stroke()
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    context.fillStyle = this.#palette.get('ink-2')
    context.fillText(text, middle, y + 0.5)
  }

  /** Digits are of one width, so a text of as many characters that was measured once will do. */
  #widthOf(context: CanvasRenderingContext2D, text: string): number {
    const key = text.replace(DIGITS, '0')
    let width = this.#widths.get(key)
    if (width === undefined) this.#widths.set(key, (width = context.measureText(key).width))
    return width
  }

  #label(context: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, side: 'left' | 'right'): void {
    context.font = NAME_FONT
    context.textAlign = side === 'left' ? 'left' : 'right'
    context.textBaseline = 'alphabetic'
    const at = side === 'left' ? x + 6 : x - 6
    // A rim in the colour of the ground keeps it readable among the dots.
    context.strokeStyle = this.#palette.get('panel')
    context.lineWidth = 4
    context.lineJoin = 'round'
    context.strokeText(text, at, y)
    context.fillStyle = colour
    context.fillText(text, at, y)
  }

  /** Says what is under the pointer. */
  #point(scene: Scene): void {
    const text = this.#pointer === null ? null : this.#textAt(scene, this.#pointer.x, this.#pointer.y)
    setHidden(this.#tip, text === null)
    if (text === null || this.#pointer === null) return
    setText(this.#tip, text)
    const width = this.#tip.offsetWidth
    const x = Math.min(scene.width - width - 4, Math.max(4, this.#pointer.x - width / 2))
    const y = this.#pointer.y > 60 ? this.#pointer.y - 44 : this.#pointer.y + 22
    this.#tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`
  }

  #textAt(scene: Scene, x: number, y: number): string | null {
    if (y > scene.boxesTop) {
      const startMs = windowStartOf(scene.nowMs + ((x - scene.nowX) * 1000) / scene.pace)
      const window = this.#model.fleet.get(startMs)
      if (window === undefined) return null
      return `${formatWindow(window.startMs, window.endMs)} · ${formatCount(window.n)} readings · mean ${formatCelsius(window.mean)} °C`
    }
    let nearest: Dot | null = null
    let least = 12
    for (const dot of this.#model.dots) {
      const distance = Math.hypot(scene.x(dot.at) - x, scene.y(dot.arrivedMs) - y)
      if (distance < least) [nearest, least] = [dot, distance]
    }
    if (nearest === null) return null
    const delay = nearest.arrivedMs - nearest.at
    const way = nearest.fate === AHEAD ? `clock ahead by ${formatDuration(-delay)}` : `${formatDuration(delay)} on its way`
    return `${nameOf(nearest.device)} · measured ${formatMoment(nearest.at)} · ${way} · ${FATES[nearest.fate]}`
  }

  #describe(nowMs: number): void {
    this.#describedMs = nowMs
    const model = this.#model
    const windows = [...model.fleet.values()].sort((a, b) => b.startMs - a.startMs).slice(0, 12)
    const count = (state: string) => windows.filter((window) => stateOf(window, model.watermarkMs) === state).length
    const behind = Number.isFinite(model.watermarkMs) ? formatDuration(nowMs - model.watermarkMs) : 'not known'
    setText(
      byId('strip-text'),
      `The watermark is ${behind} behind now. Of the newest windows ${count('filling')} are filling, ${count('closed')} closed, ${count('corrected')} corrected, ${count('final')} final.`,
    )
    const table = byId('strip-table')
    if (!(table.closest('details') as HTMLDetailsElement).open) return
    const rows = windows.map((window) => {
      const row = document.createElement('tr')
      const cells = [
        formatWindow(window.startMs, window.endMs),
        stateOf(window, model.watermarkMs),
        formatCount(window.n),
        `${formatCelsius(window.mean)} °C`,
        String(window.corrections),
      ]
      row.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })))
      return row
    })
    table.querySelector('tbody')!.replaceChildren(...rows)
  }
}

interface Chip {
  readonly text: string
  readonly colour: ColourName
  readonly left: number
  readonly width: number
}

const FATES: Readonly<Record<Dot['fate'], string>> = {
  [ON_TIME]: 'on time',
  [CORRECTS]: 'corrects a closed window',
  [TOO_LATE]: 'too late, set aside',
  [AHEAD]: 'moves no watermark',
}
