/**
 * The heat map as pixels: one for each device and window, then brought to the size of the screen.
 *
 * Before: the model's cells. After: heat-map.ts lays marks over it.
 *
 * Invariant: when there are more devices than lines on the screen, neighbours are averaged; none is left out.
 */

import { type Cells, WINDOW_MS, WINDOWS_KEPT } from '../../cells.ts'
import { KINDS, kindOf } from '../../generator/fleet.ts'
import type { Model } from '../model.ts'
import type { Palette } from '../palette.ts'
import type { Rows } from '../rows.ts'
import { ColourScale, type ScaleSpec } from './colour-scale.ts'

export interface HeatMode {
  readonly name: string
  readonly label: string
  readonly what: string
  readonly unit: string
  readonly scale: (model: Model) => ScaleSpec
  readonly value: (cells: Cells, device: number) => number
}

const meanOf = (cells: Cells, device: number) => cells.sum[device]! / cells.n[device]!

export const HEAT_MODES: readonly HeatMode[] = [
  {
    name: 'deviation',
    label: 'From usual',
    what: 'how far from its usual temperature',
    unit: ' °C',
    scale: () => ({ low: -12, high: 12, colours: ['cold', 'mild', 'hot'] }),
    value: (cells, device) => meanOf(cells, device) - KINDS[kindOf(device)]!.usual,
  },
  {
    name: 'temperature',
    label: 'Temperature',
    what: 'its mean temperature',
    unit: ' °C',
    scale: () => ({ low: 30, high: 95, colours: ['mild', 'hot'] }),
    value: meanOf,
  },
  {
    name: 'readings',
    label: 'Readings',
    what: 'how many readings it sent',
    unit: '',
    scale: (model) => ({ low: 0, high: mostReadings(model), colours: ['mild', 'water'] }),
    value: (cells, device) => cells.n[device]!,
  },
  {
    name: 'corrections',
    label: 'Corrections',
    what: 'how often late readings corrected it',
    unit: '',
    scale: () => ({ low: 0, high: 4, colours: ['mild', 'amber'] }),
    value: (cells, device) => cells.corrections[device]!,
  },
]

function mostReadings(model: Model): number {
  const newest = model.cells.get(model.newestStartMs)
  return newest === undefined ? 1 : Math.max(1, ...newest.n)
}

export class HeatImage {
  readonly #palette: Palette
  readonly #source = document.createElement('canvas')
  readonly #lines = document.createElement('canvas')
  #key = ''
  scale: ColourScale

  constructor(palette: Palette) {
    this.#palette = palette
    this.scale = new ColourScale(HEAT_MODES[0]!.scale({} as Model), palette)
  }

  /**
   * Makes the picture anew if anything in it has changed.
   *
   * @param shown - `version`: which state of the cells is wanted.
   * @returns a canvas with a column for each window and `height` lines.
   */
  draw(
    model: Model,
    rows: Rows,
    { mode, height, version }: { readonly mode: HeatMode; readonly height: number; readonly version: number },
  ): HTMLCanvasElement {
    const key = `${version} ${rows.count} ${mode.name} ${height} ${this.#palette.version}`
    if (key === this.#key) return this.#lines
    this.#key = key
    this.scale = new ColourScale(mode.scale(model), this.#palette)
    this.#paint(model, rows, mode)
    this.#lines.width = WINDOWS_KEPT
    this.#lines.height = Math.max(1, height)
    const context = this.#lines.getContext('2d')!
    context.imageSmoothingEnabled = rows.count > height
    context.imageSmoothingQuality = 'medium'
    context.drawImage(this.#source, 0, 0, WINDOWS_KEPT, this.#lines.height)
    return this.#lines
  }

  #paint(model: Model, rows: Rows, mode: HeatMode): void {
    this.#source.width = WINDOWS_KEPT
    this.#source.height = rows.count
    const context = this.#source.getContext('2d')!
    const image = context.createImageData(WINDOWS_KEPT, rows.count)
    const pixels = new Uint32Array(image.data.buffer)
    const firstMs = model.newestStartMs - (WINDOWS_KEPT - 1) * WINDOW_MS
    for (let column = 0; column < WINDOWS_KEPT; column++) {
      const cells = model.cells.get(firstMs + column * WINDOW_MS)
      if (cells === undefined) continue
      const devices = Math.min(rows.count, cells.n.length)
      for (let device = 0; device < devices; device++) {
        if (cells.n[device] === 0) continue
        pixels[rows.rowOf(device) * WINDOWS_KEPT + column] = this.scale.pixel(mode.value(cells, device))
      }
    }
    context.putImageData(image, 0, 0)
  }
}
