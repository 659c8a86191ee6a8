/**
 * Three small curves of the last minute: readings a second, lag of the watermark, checkpoints.
 *
 * Before: rates.ts. After: the eye.
 */

import { byId, formatBytes, formatCount, formatDuration, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import type { ColourName, Palette } from './palette.ts'
import type { Rates } from './rates.ts'
import { Surface } from './surface.ts'

const POINTS = 60

export class Gauges implements Drawn {
  readonly #rates: Rates
  readonly #palette: Palette
  readonly #surfaces = ['spark-rate', 'spark-lag', 'spark-checkpoints'].map((id) => new Surface(byId<HTMLCanvasElement>(id)))

  constructor(rates: Rates, palette: Palette) {
    this.#rates = rates
    this.#palette = palette
  }

  frame(): void {
    const { records, lags, checkpoints, recordsIn } = this.#rates
    setText(byId('gauge-rate'), formatCount(recordsIn))
    setText(byId('gauge-lag'), lags.length === 0 ? '–' : formatDuration(lags.at(-1)!))
    const last = checkpoints.at(-1)
    setText(byId('gauge-checkpoint'), last === undefined ? '–' : `${formatBytes(last.bytesWritten)} in ${formatDuration(last.durationMs)}`)
    this.#line(this.#surfaces[0]!, records, 'water')
    this.#line(this.#surfaces[1]!, lags, 'ink-2')
    this.#bars(
      this.#surfaces[2]!,
      checkpoints.map(({ bytesWritten }) => bytesWritten),
    )
  }

  #line(surface: Surface, values: readonly number[], colour: ColourName): void {
    if (!surface.isVisible || surface.width === 0) return
    const context = surface.begin()
    const { width, height } = surface
    context.clearRect(0, 0, width, height)
    this.#ground(context, width, height)
    if (values.length < 2) return
    const most = Math.max(1, ...values) * 1.15
    const x = (index: number) => width - ((values.length - 1 - index) / (POINTS - 1)) * width
    const y = (value: number) => height - 1 - (value / most) * (height - 6)
    context.beginPath()
    values.forEach((value, index) => (index === 0 ? context.moveTo(x(index), y(value)) : context.lineTo(x(index), y(value))))
    context.strokeStyle = this.#palette.get(colour)
    context.lineWidth = 1.6
    context.lineJoin = 'round'
    context.stroke()
    context.lineTo(width, height)
    context.lineTo(x(0), height)
    context.fillStyle = this.#palette.alpha(colour, 0.12)
    context.fill()
  }

  #bars(surface: Surface, values: readonly number[]): void {
    if (!surface.isVisible || surface.width === 0) return
    const context = surface.begin()
    const { width, height } = surface
    context.clearRect(0, 0, width, height)
    this.#ground(context, width, height)
    const most = Math.max(1, ...values)
    const step = width / 30
    values.slice(-30).forEach((value, index, shown) => {
      const bar = Math.max(2, (value / most) * (height - 6))
      context.fillStyle = this.#palette.alpha('water', index === shown.length - 1 ? 1 : 0.5)
      context.fillRect(width - (shown.length - index) * step + 1, height - bar, Math.max(1, step - 2.5), bar)
    })
  }

  #ground(context: CanvasRenderingContext2D, width: number, height: number): void {
    context.strokeStyle = this.#palette.get('line')
    context.lineWidth = 1
    context.beginPath()
    context.moveTo(0, height - 0.5)
    context.lineTo(width, height - 0.5)
    context.stroke()
  }
}
