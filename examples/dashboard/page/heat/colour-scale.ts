/**
 * Values as colours: two-sided around zero, or one-sided from nothing on, of the theme that is shown.
 *
 * Before: palette.ts. After: the heat map writes them into its image, and the legend shows them.
 *
 * Invariant: a scale is monotonous in lightness on either side of its middle, so it can be read without telling hues apart.
 */

import type { ColourName, Palette } from '../palette.ts'

const STEPS = 256

export interface ScaleSpec {
  readonly low: number
  readonly high: number
  /** Two: from nothing to much. Three: from cold over nothing to hot. */
  readonly colours: readonly ColourName[]
}

export class ColourScale {
  readonly spec: ScaleSpec
  /** Colours as pixels, little-endian RGBA. */
  readonly pixels = new Uint32Array(STEPS)

  constructor(spec: ScaleSpec, palette: Palette) {
    this.spec = spec
    const stops = spec.colours.map((name) => palette.rgb(name))
    for (let step = 0; step < STEPS; step++) {
      const at = (step / (STEPS - 1)) * (stops.length - 1)
      const index = Math.min(stops.length - 2, Math.floor(at))
      const part = at - index
      const [red, green, blue] = [0, 1, 2].map((channel) =>
        Math.round(stops[index]![channel]! * (1 - part) + stops[index + 1]![channel]! * part),
      )
      this.pixels[step] = 0xff000000 | (blue! << 16) | (green! << 8) | red!
    }
  }

  pixel(value: number): number {
    const { low, high } = this.spec
    const step = Math.round(((value - low) / (high - low)) * (STEPS - 1))
    return this.pixels[Math.max(0, Math.min(STEPS - 1, step))]!
  }

  /** Draws the scale from left to right. */
  legend(canvas: HTMLCanvasElement): void {
    const context = canvas.getContext('2d')!
    const image = context.createImageData(canvas.width, canvas.height)
    const pixels = new Uint32Array(image.data.buffer)
    for (let at = 0; at < pixels.length; at++) pixels[at] = this.pixels[Math.floor(((at % canvas.width) / canvas.width) * STEPS)]!
    context.putImageData(image, 0, 0)
  }
}
