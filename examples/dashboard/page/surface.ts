/**
 * A canvas that has as many pixels as the screen gives it, and knows whether it is seen.
 *
 * Before: layout. After: whoever draws, in CSS pixels.
 */

const RATIO_MAX = 2

export class Surface {
  readonly canvas: HTMLCanvasElement
  readonly context: CanvasRenderingContext2D
  width = 0
  height = 0
  ratio = 1
  /** Off screen there is no need to draw. */
  isVisible = true
  /** Whether the size has changed since {@link settle}, which clears a canvas. */
  isStale = true

  constructor(canvas: HTMLCanvasElement, options: CanvasRenderingContext2DSettings = {}) {
    this.canvas = canvas
    const context = canvas.getContext('2d', options)
    if (context === null) throw new Error('This browser draws no canvas')
    this.context = context
    new ResizeObserver(() => this.#measure()).observe(canvas)
    new IntersectionObserver(([entry]) => (this.isVisible = entry?.isIntersecting ?? true)).observe(canvas)
    this.#measure()
  }

  /** Makes the canvas ready to draw in CSS pixels. */
  begin(): CanvasRenderingContext2D {
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0)
    this.isStale = false
    return this.context
  }

  #measure(): void {
    const { width, height } = this.canvas.getBoundingClientRect()
    this.ratio = Math.min(RATIO_MAX, devicePixelRatio)
    this.width = width
    this.height = height
    const pixelWidth = Math.max(1, Math.round(width * this.ratio))
    const pixelHeight = Math.max(1, Math.round(height * this.ratio))
    if (this.canvas.width === pixelWidth && this.canvas.height === pixelHeight) return
    this.canvas.width = pixelWidth
    this.canvas.height = pixelHeight
    this.isStale = true
  }
}
