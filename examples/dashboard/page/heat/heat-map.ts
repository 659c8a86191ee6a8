/**
 * Every device and every window of five minutes in one picture; corrections light up in it as they come.
 *
 * Before: the model's cells. After: the eye, the pointer, the keyboard; a chosen device is drawn in the chart above.
 *
 * Invariant: the chart above and this map have the same time at the same place.
 */

import { type Cells, WINDOW_MS, WINDOWS_KEPT } from '../../cells.ts'
import { KINDS, nameOf } from '../../generator/fleet.ts'
import { byId, formatCelsius, formatClock, formatCount, formatWindow, setHidden, setText } from '../format.ts'
import type { Drawn } from '../frames.ts'
import type { Correction, Model } from '../model.ts'
import type { Palette } from '../palette.ts'
import { Rows } from '../rows.ts'
import { Surface } from '../surface.ts'
import { HEAT_MODES, HeatImage, type HeatMode } from './heat-image.ts'
import { HeatMarks } from './heat-marks.ts'

export interface HeatEvents {
  /** A device was chosen, or chosen no more. */
  choose(device: number): void
  /** The pointer is at a time; null: nowhere. */
  hover(ms: number | null): void
}

/** Where the plot begins, from the left: the chart above has the same. */
export const gutterOf = (width: number) => (width < 480 ? 76 : 84)
export const PLOT_RIGHT = 10
const AXIS = 22
const FONT = 'system-ui, sans-serif'
const RINGS_A_SECOND = 10
/** Cells change thirty times a second; the picture of them a few times. */
const IMAGE_MS = 200

interface Cell {
  readonly column: number
  readonly row: number
}

export class HeatMap implements Drawn {
  readonly #model: Model
  readonly #palette: Palette
  readonly #events: HeatEvents
  readonly #surface = new Surface(byId<HTMLCanvasElement>('heat'))
  readonly #image: HeatImage
  readonly #tip = byId('heat-tip')
  #mode: HeatMode = HEAT_MODES[0]!
  #rows = new Rows(1)
  readonly #marks = new HeatMarks(this.#surface.canvas)
  /** Corrections that were not marked yet. */
  #corrections: Correction[] = []
  #markedMs = 0
  #markedEndMs = 0
  /** The cell under the pointer, or the one the keyboard is at. */
  #cell: Cell | null = null
  #isByKey = false
  #hoverMs: number | null = null
  #drawnKey = ''
  #imageMs = 0
  #imageVersion = 0
  #legendKey = ''
  chosen: readonly { readonly device: number; readonly colour: Parameters<Palette['get']>[0] }[] = []

  constructor(model: Model, palette: Palette, events: HeatEvents) {
    this.#model = model
    this.#palette = palette
    this.#events = events
    this.#image = new HeatImage(palette)
    this.#listen()
  }

  /** A time that the pointer is at in the chart above. */
  showTime(ms: number | null): void {
    this.#hoverMs = ms
  }

  corrected(correction: Correction): void {
    if (correction.atMs - this.#markedMs < 1000 / RINGS_A_SECOND) return
    this.#markedMs = correction.atMs
    this.#corrections.push(correction)
  }

  frame(nowMs: number): void {
    const { width, height } = this.#surface
    const corrections = this.#corrections
    this.#corrections = []
    if (!this.#surface.isVisible || width === 0) return
    if (this.#rows.count !== this.#model.devices) this.#rows = new Rows(this.#model.devices)
    this.#mark(corrections.at(-1))
    const plotHeight = height - AXIS
    if (nowMs - this.#imageMs > IMAGE_MS) {
      this.#imageMs = nowMs
      this.#imageVersion = this.#model.cellsVersion
    }
    const image = this.#image.draw(this.#model, this.#rows, {
      mode: this.#mode,
      height: Math.round(plotHeight * this.#surface.ratio),
      version: this.#imageVersion,
    })
    const key = `${this.#imageVersion} ${this.#model.devices} ${this.#palette.version} ${this.#mode.name} ${this.#cell?.column} ${this.#cell?.row} ${this.#hoverMs} ${this.chosen.map(({ device }) => device).join()} ${document.activeElement === this.#surface.canvas}`
    if (key === this.#drawnKey && !this.#surface.isStale) return
    this.#drawnKey = key
    const context = this.#surface.begin()
    const gutter = gutterOf(width)
    const plotWidth = width - gutter - PLOT_RIGHT
    context.clearRect(0, 0, width, height)
    context.fillStyle = this.#palette.get('sunken')
    context.fillRect(gutter, 0, plotWidth, plotHeight)
    context.imageSmoothingEnabled = false
    context.drawImage(image, gutter, 0, plotWidth, plotHeight)
    this.#labels(context, { gutter, plotWidth, plotHeight })
    this.#cross(context, { gutter, plotWidth, plotHeight })
    this.#legend()
  }

  #legend(): void {
    const key = `${this.#mode.name} ${this.#palette.version} ${this.#image.scale.spec.high}`
    if (key === this.#legendKey) return
    this.#legendKey = key
    const { low, high } = this.#image.scale.spec
    this.#image.scale.legend(byId<HTMLCanvasElement>('scale'))
    const sign = low < 0 ? '+' : ''
    setText(byId('scale-low'), formatCount(low).replace('-', '−'))
    setText(byId('scale-high'), `${sign}${formatCount(high)}${this.#mode.unit}`)
    setText(byId('heat-what'), this.#mode.what)
  }

  #labels(context: CanvasRenderingContext2D, plot: Plot): void {
    const { gutter, plotWidth, plotHeight } = plot
    context.font = `400 12px ${FONT}`
    context.textBaseline = 'middle'
    context.textAlign = 'right'
    KINDS.forEach(({ name }, kind) => {
      const from = (this.#rows.begins[kind]! / this.#rows.count) * plotHeight
      const to = (this.#rows.begins[kind + 1]! / this.#rows.count) * plotHeight
      if (to - from > 9) {
        context.fillStyle = this.#palette.get('ink-2')
        context.fillText(name, gutter - 8, (from + to) / 2)
      }
      if (kind === 0) return
      // A gap between kinds, so that they stand apart.
      context.fillStyle = this.#palette.get('panel')
      context.fillRect(gutter, Math.round(from) - 1, plotWidth, 2)
    })
    context.textAlign = 'center'
    context.fillStyle = this.#palette.get('ink-3')
    const endMs = this.#model.newestStartMs + WINDOW_MS
    for (let ms = Math.ceil((endMs - WINDOWS_KEPT * WINDOW_MS) / 60_000) * 60_000; ms <= endMs; ms += 60_000) {
      const x = gutter + this.#part(ms) * plotWidth
      if (x > gutter + 24 && x < gutter + plotWidth - 20) context.fillText(formatClock(ms).slice(0, 5), x, plotHeight + 13)
    }
    for (const { device, colour } of this.chosen) {
      const row = this.#rows.rowOf(device)
      if (row < 0) continue
      const y = ((row + 0.5) / this.#rows.count) * plotHeight
      context.fillStyle = this.#palette.get(colour)
      context.beginPath()
      context.moveTo(gutter, y)
      context.lineTo(gutter - 7, y - 4.5)
      context.lineTo(gutter - 7, y + 4.5)
      context.fill()
    }
  }

  /** Where a time is between the first window and the last, 0 to 1. */
  #part(ms: number): number {
    const endMs = this.#model.newestStartMs + WINDOW_MS
    return 1 - (endMs - ms) / (WINDOWS_KEPT * WINDOW_MS)
  }

  #mark(correction: Correction | undefined): void {
    const { newestStartMs } = this.#model
    if (newestStartMs !== this.#markedEndMs) this.#marks.clear()
    this.#markedEndMs = newestStartMs
    if (correction === undefined) return
    const { width, height } = this.#surface
    const row = this.#rows.rowOf(correction.device)
    const part = this.#part(correction.startMs)
    if (row < 0 || part < 0) return
    const left = gutterOf(width)
    const plot = { left, width: width - left - PLOT_RIGHT, height: height - AXIS }
    const line = plot.height / this.#rows.count
    const place = { x: left + part * plot.width, y: (row + 0.5) * line, width: plot.width / WINDOWS_KEPT, height: line }
    this.#marks.show(correction, place, plot)
  }

  #cross(context: CanvasRenderingContext2D, { gutter, plotWidth, plotHeight }: Plot): void {
    context.strokeStyle = this.#palette.get('ink-2')
    context.lineWidth = 1
    if (this.#cell === null && this.#hoverMs !== null) {
      const x = Math.round(gutter + this.#part(this.#hoverMs) * plotWidth) + 0.5
      context.beginPath()
      context.moveTo(x, 0)
      context.lineTo(x, plotHeight)
      context.stroke()
    }
    setHidden(this.#tip, this.#cell === null)
    if (this.#cell === null) return
    const { column, row } = this.#cell
    const width = plotWidth / WINDOWS_KEPT
    const height = Math.max(7, plotHeight / this.#rows.count + 2)
    const x = gutter + column * width
    const y = ((row + 0.5) / this.#rows.count) * plotHeight
    context.strokeStyle = this.#palette.get('ink')
    context.lineWidth = 1.5
    context.strokeRect(x - 1, y - height / 2, width + 2, height)
    setText(this.#tip, this.#textOf(this.#cell))
    const left = Math.min(this.#surface.width - this.#tip.offsetWidth - 4, Math.max(4, x - this.#tip.offsetWidth / 2))
    this.#tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(y > 50 ? y - 46 : y + 18)}px)`
  }

  #cellsAt(column: number): Cells | undefined {
    return this.#model.cells.get(this.#model.newestStartMs - (WINDOWS_KEPT - 1 - column) * WINDOW_MS)
  }

  #textOf({ column, row }: Cell): string {
    const device = this.#rows.deviceOfRow(row)
    const startMs = this.#model.newestStartMs - (WINDOWS_KEPT - 1 - column) * WINDOW_MS
    const cells = this.#cellsAt(column)
    const n = cells?.n[device] ?? 0
    const window = formatWindow(startMs, startMs + WINDOW_MS)
    if (cells === undefined || n === 0) return `${nameOf(device)} · ${window} · no readings`
    const corrections = cells.corrections[device]!
    const fixed = corrections === 0 ? '' : ` · corrected ${corrections} ×`
    return `${nameOf(device)} · ${window} · ${formatCount(n)} readings · mean ${formatCelsius(cells.sum[device]! / n)} °C${fixed}`
  }

  #listen(): void {
    const { canvas } = this.#surface
    canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
      this.#isByKey = false
      this.#at(offsetX, offsetY)
    })
    canvas.addEventListener('pointerleave', () => this.#leave())
    canvas.addEventListener('click', ({ offsetX, offsetY }) => {
      this.#at(offsetX, offsetY)
      if (this.#cell !== null) this.#events.choose(this.#rows.deviceOfRow(this.#cell.row))
    })
    canvas.addEventListener('blur', () => {
      if (this.#isByKey) this.#leave()
    })
    canvas.addEventListener('keydown', (event) => this.#key(event))
    const select = byId<HTMLSelectElement>('heat-mode')
    select.append(...HEAT_MODES.map(({ name, label }) => new Option(label, name)))
    select.addEventListener('change', () => (this.#mode = HEAT_MODES.find(({ name }) => name === select.value)!))
  }

  #at(x: number, y: number): void {
    const { width, height } = this.#surface
    const gutter = gutterOf(width)
    const plotWidth = width - gutter - PLOT_RIGHT
    const column = Math.floor(((x - gutter) / plotWidth) * WINDOWS_KEPT)
    const row = Math.floor((y / (height - AXIS)) * this.#rows.count)
    const isInside = column >= 0 && column < WINDOWS_KEPT && row >= 0 && row < this.#rows.count
    this.#cell = isInside ? { column, row } : null
    this.#events.hover(isInside ? this.#timeOf(column) : null)
  }

  #timeOf(column: number): number {
    return this.#model.newestStartMs - (WINDOWS_KEPT - 1.5 - column) * WINDOW_MS
  }

  #leave(): void {
    this.#cell = null
    this.#isByKey = false
    this.#events.hover(null)
  }

  #key(event: KeyboardEvent): void {
    const { column, row } = this.#cell ?? { column: WINDOWS_KEPT - 1, row: 0 }
    const page = Math.max(1, Math.round(this.#rows.count / 20))
    const moves: Readonly<Record<string, Cell>> = {
      ArrowLeft: { column: column - 1, row },
      ArrowRight: { column: column + 1, row },
      ArrowUp: { column, row: row - 1 },
      ArrowDown: { column, row: row + 1 },
      PageUp: { column, row: row - page },
      PageDown: { column, row: row + page },
      Home: { column: 0, row },
      End: { column: WINDOWS_KEPT - 1, row },
    }
    if (event.key === 'Escape') return this.#leave()
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      return this.#events.choose(this.#rows.deviceOfRow(row))
    }
    const moved = moves[event.key]
    if (moved === undefined) return
    event.preventDefault()
    const clamp = (value: number, most: number) => Math.max(0, Math.min(most, value))
    this.#cell = { column: clamp(moved.column, WINDOWS_KEPT - 1), row: clamp(moved.row, this.#rows.count - 1) }
    this.#isByKey = true
    this.#events.hover(this.#timeOf(this.#cell.column))
    setText(byId('live'), this.#textOf(this.#cell))
  }
}

interface Plot {
  readonly gutter: number
  readonly plotWidth: number
  readonly plotHeight: number
}
