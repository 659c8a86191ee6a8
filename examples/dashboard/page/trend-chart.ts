/**
 * The temperature of the fleet over five minutes: median, the band of nine tenths, and the devices that were chosen.
 *
 * Before: the view of the sliding window, and the model's cells. After: the eye; the heat map below has the same axis.
 */

import uPlot from 'uplot'
import { WINDOW_MS, WINDOWS_KEPT } from '../cells.ts'
import { nameOf } from '../generator/fleet.ts'
import { byId, formatCelsius, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import { gutterOf, PLOT_RIGHT } from './heat/heat-map.ts'
import type { Model } from './model.ts'
import type { ColourName, Palette } from './palette.ts'

export interface Chosen {
  readonly device: number
  readonly colour: ColourName
}

const COLOURS: readonly ColourName[] = ['series-1', 'series-2', 'series-3', 'series-4']
const HEIGHT = 168
/** A window's mean stands at its third second, which the trend has a point at, too. */
const MIDDLE_MS = 3_000

export class TrendChart implements Drawn {
  readonly #model: Model
  readonly #palette: Palette
  readonly #box = byId('trend')
  readonly #onHover: (ms: number | null) => void
  readonly #onChosen: (chosen: readonly Chosen[]) => void
  #plot: uPlot | null = null
  #chosen: readonly Chosen[] = []
  #isHovered = false

  constructor(
    model: Model,
    palette: Palette,
    events: { readonly hover: (ms: number | null) => void; readonly chosen: (chosen: readonly Chosen[]) => void },
  ) {
    this.#model = model
    this.#palette = palette
    this.#onHover = events.hover
    this.#onChosen = events.chosen
    palette.onChange(() => this.#make())
    new ResizeObserver(() => this.#make()).observe(this.#box)
  }

  /** Draws a device, or no more if it is drawn; at most four. */
  choose(device: number): void {
    const without = this.#chosen.filter((chosen) => chosen.device !== device)
    if (without.length === this.#chosen.length) {
      const kept = without.slice(-(COLOURS.length - 1))
      const colour = COLOURS.find((name) => !kept.some((chosen) => chosen.colour === name))!
      this.#chosen = [...kept, { device, colour }]
    } else this.#chosen = without
    this.#legend()
    this.#make()
    this.#onChosen(this.#chosen)
  }

  /** A time that the pointer is at in the map below. */
  showTime(ms: number | null): void {
    const plot = this.#plot
    if (plot === null) return
    plot.setCursor(ms === null ? { left: -10, top: -10 } : { left: plot.valToPos(ms / 1000, 'x'), top: 10 }, false)
  }

  frame(): void {
    if (this.#plot === null) this.#make()
    this.#plot?.setData(this.#data())
    this.#describe()
  }

  #data(): uPlot.AlignedData {
    const endMs = this.#model.newestStartMs + WINDOW_MS
    const beginMs = endMs - WINDOWS_KEPT * WINDOW_MS
    const rows = this.#model.trend.filter(({ windowEnd }) => windowEnd >= beginMs && windowEnd <= endMs)
    const chosen = this.#chosen.map(({ device }) =>
      rows.map(({ windowEnd }) => {
        const startMs = windowEnd - MIDDLE_MS
        if (startMs % WINDOW_MS !== 0) return null
        const cells = this.#model.cells.get(startMs)
        const n = cells?.n[device] ?? 0
        return cells === undefined || n === 0 ? null : cells.sum[device]! / n
      }),
    )
    const column = (name: 'low' | 'high' | 'middle') => rows.map((row) => row[name])
    return [rows.map(({ windowEnd }) => windowEnd / 1000), column('low'), column('high'), column('middle'), ...chosen]
  }

  #make(): void {
    const width = this.#box.clientWidth
    if (width === 0) return
    this.#plot?.destroy()
    const palette = this.#palette
    const font = '12px system-ui, sans-serif'
    const axis = { stroke: palette.get('ink-3'), font, grid: { stroke: palette.get('line'), width: 1 }, ticks: { show: false } }
    this.#plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [6, PLOT_RIGHT, 4, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: {
          x: {
            time: true,
            range: () => {
              const end = (this.#model.newestStartMs + WINDOW_MS) / 1000
              return [end - (WINDOWS_KEPT * WINDOW_MS) / 1000, end]
            },
          },
          y: { range: (_plot, least, most) => [Math.floor((least - 2) / 10) * 10, Math.ceil((most + 2) / 10) * 10] },
        },
        axes: [
          { ...axis, size: 0, values: () => [], incrs: [60] },
          {
            ...axis,
            size: gutterOf(width),
            gap: 8,
            incrs: [10, 20, 50],
            values: (_plot, values) => values.map((value) => `${value}°`.replace('-', '−')),
          },
        ],
        bands: [{ series: [2, 1], fill: palette.alpha('ink', 0.1) }],
        series: [
          {},
          { stroke: palette.alpha('ink', 0.25), width: 1, points: { show: false } },
          { stroke: palette.alpha('ink', 0.25), width: 1, points: { show: false } },
          { stroke: palette.get('ink'), width: 2, points: { show: false } },
          ...this.#chosen.map(({ colour }) => ({ stroke: palette.get(colour), width: 1.75, spanGaps: true, points: { show: false } })),
        ],
        hooks: {
          setCursor: [
            (plot) => {
              const { left } = plot.cursor
              if (this.#isHovered && left !== undefined && left !== null && left >= 0) this.#onHover(plot.posToVal(left, 'x') * 1000)
            },
          ],
        },
      },
      this.#data(),
      this.#box,
    )
    this.#plot.over.addEventListener('pointerenter', () => (this.#isHovered = true))
    this.#plot.over.addEventListener('pointerleave', () => {
      this.#isHovered = false
      this.#onHover(null)
    })
  }

  #legend(): void {
    const buttons = this.#chosen.map(({ device, colour }) => {
      const button = document.createElement('button')
      const line = document.createElement('i')
      line.style.background = `var(--${colour})`
      button.type = 'button'
      button.className = 'chosen'
      button.append(line, nameOf(device))
      button.setAttribute('aria-label', `${nameOf(device)}: draw no more`)
      button.addEventListener('click', () => this.choose(device))
      return button
    })
    byId('chosen-legend').replaceChildren(...buttons)
  }

  #describe(): void {
    const last = this.#model.trend.at(-1)
    if (last === undefined) return
    setText(
      byId('trend-text'),
      `Median ${formatCelsius(last.middle)} °C; nine tenths of the readings lie between ${formatCelsius(last.low)} and ${formatCelsius(last.high)} °C.`,
    )
  }
}
