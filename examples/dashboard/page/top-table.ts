/**
 * The ten hottest devices of the newest closed window, each with its last minute.
 *
 * Before: the model's cells. After: the eye; a chosen device is drawn in the chart.
 * This is the second stage of the ranking: the job has made one row of every device's readings, so ten of a few thousand are found at once.
 *
 * Invariant: the ten rows are made once and written anew, so that focus stays where it was.
 */

import { type Cells, WINDOW_MS } from '../cells.ts'
import { nameOf } from '../generator/fleet.ts'
import { byId, formatCelsius, formatWindow, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import type { Model } from './model.ts'
import type { Palette } from './palette.ts'
import type { Chosen } from './trend-chart.ts'

const ROWS = 10
const SPARK_WINDOWS = 12
const SPARK = { width: 78, height: 22 }

interface Row {
  readonly element: HTMLTableRowElement
  readonly button: HTMLButtonElement
  readonly mark: HTMLElement
  readonly name: Text
  readonly spark: HTMLCanvasElement
  readonly mean: HTMLTableCellElement
  readonly max: HTMLTableCellElement
  device: number
}

export class TopTable implements Drawn {
  readonly #model: Model
  readonly #palette: Palette
  readonly #rows: readonly Row[]
  chosen: readonly Chosen[] = []

  constructor(model: Model, palette: Palette, choose: (device: number) => void) {
    this.#model = model
    this.#palette = palette
    this.#rows = Array.from({ length: ROWS }, () => makeRow(choose))
    byId('top-rows').append(...this.#rows.map(({ element }) => element))
  }

  frame(): void {
    const cells = this.#closed()
    if (cells === undefined) return
    setText(byId('top-window'), formatWindow(cells.startMs, cells.startMs + WINDOW_MS))
    const hottest = hottestOf(cells, this.#model.devices, ROWS)
    this.#rows.forEach((row, rank) => {
      const device = hottest[rank]
      row.element.style.visibility = device === undefined ? 'hidden' : ''
      if (device === undefined) return
      this.#write(row, device, cells)
    })
  }

  #write(row: Row, device: number, cells: Cells): void {
    const chosen = this.chosen.find((one) => one.device === device)
    row.device = device
    if (row.name.data !== nameOf(device)) row.name.data = nameOf(device)
    row.button.setAttribute('aria-pressed', String(chosen !== undefined))
    row.mark.style.background = chosen === undefined ? '' : `var(--${chosen.colour})`
    row.mark.style.borderColor = chosen === undefined ? '' : `var(--${chosen.colour})`
    setText(row.mean, formatCelsius(cells.sum[device]! / cells.n[device]!))
    setText(row.max, formatCelsius(cells.max[device]!))
    this.#spark(row.spark, device, cells.startMs)
  }

  /** The newest window of which the watermark has passed the end. */
  #closed(): Cells | undefined {
    for (let startMs = this.#model.newestStartMs; startMs > this.#model.newestStartMs - 30_000; startMs -= WINDOW_MS) {
      const cells = this.#model.cells.get(startMs)
      if (cells !== undefined && startMs + WINDOW_MS - 1 <= this.#model.watermarkMs) return cells
    }
    return undefined
  }

  #spark(canvas: HTMLCanvasElement, device: number, endMs: number): void {
    const ratio = Math.min(2, devicePixelRatio)
    if (canvas.width !== SPARK.width * ratio) {
      canvas.width = SPARK.width * ratio
      canvas.height = SPARK.height * ratio
    }
    const context = canvas.getContext('2d')!
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, SPARK.width, SPARK.height)
    const points: { readonly x: number; readonly value: number }[] = []
    for (let step = 0; step < SPARK_WINDOWS; step++) {
      const cells = this.#model.cells.get(endMs - (SPARK_WINDOWS - 1 - step) * WINDOW_MS)
      const n = cells?.n[device] ?? 0
      if (cells !== undefined && n > 0)
        points.push({ x: (step / (SPARK_WINDOWS - 1)) * (SPARK.width - 5) + 2, value: cells.sum[device]! / n })
    }
    if (points.length === 0) return
    const values = points.map(({ value }) => value)
    const least = Math.min(...values)
    const range = Math.max(4, Math.max(...values) - least)
    const y = (value: number) => SPARK.height - 4 - ((value - least) / range) * (SPARK.height - 8)
    context.strokeStyle = this.#palette.get('ink-2')
    context.lineWidth = 1.4
    context.lineJoin = 'round'
    context.beginPath()
    points.forEach(({ x, value }, index) => (index === 0 ? context.moveTo(x, y(value)) : context.lineTo(x, y(value))))
    context.stroke()
    const last = points.at(-1)!
    context.fillStyle = this.#palette.get('hot')
    context.beginPath()
    context.arc(last.x, y(last.value), 2.2, 0, 2 * Math.PI)
    context.fill()
  }
}

/** Devices with the highest means, hottest first. */
export function hottestOf(cells: Cells, devices: number, count: number): number[] {
  const best: { readonly device: number; readonly mean: number }[] = []
  for (let device = 0; device < Math.min(devices, cells.n.length); device++) {
    if (cells.n[device] === 0) continue
    const mean = cells.sum[device]! / cells.n[device]!
    if (best.length === count && mean <= best.at(-1)!.mean) continue
    const at = best.findIndex((other) => mean > other.mean)
    best.splice(at === -1 ? best.length : at, 0, { device, mean })
    if (best.length > count) best.pop()
  }
  return best.map(({ device }) => device)
}

function makeRow(choose: (device: number) => void): Row {
  const element = document.createElement('tr')
  const button = document.createElement('button')
  const mark = document.createElement('i')
  const name = document.createTextNode('')
  const spark = document.createElement('canvas')
  const [first, second, mean, max] = Array.from({ length: 4 }, () => document.createElement('td'))
  button.type = 'button'
  button.append(mark, name)
  first!.append(button)
  second!.className = 'wide-only'
  spark.setAttribute('aria-hidden', 'true')
  second!.append(spark)
  mean!.className = 'right'
  max!.className = 'right'
  element.append(first!, second!, mean!, max!)
  element.style.visibility = 'hidden'
  const row: Row = { element, button, mark, name, spark, mean: mean!, max: max!, device: 0 }
  button.addEventListener('click', () => choose(row.device))
  return row
}
