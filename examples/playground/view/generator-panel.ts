/** The sliders of the generator. Every move makes a stream at once, so that one sees what disorder does. */

import { GENERATOR_DEFAULTS, type GeneratorSettings, generated } from '../model/generator.ts'
import { el } from './dom.ts'
import { placed, type Store } from './state.ts'

type Name = keyof GeneratorSettings

const SLIDERS: readonly {
  readonly name: Name
  readonly label: string
  readonly min: number
  readonly max: number
  readonly step: number
  readonly text: (value: number) => string
}[] = [
  { name: 'count', label: 'Records', min: 4, max: 60, step: 1, text: String },
  { name: 'keys', label: 'Keys', min: 1, max: 5, step: 1, text: String },
  { name: 'spacing', label: 'Mean distance', min: 0.5, max: 10, step: 0.5, text: (value) => `${value} s` },
  { name: 'disorder', label: 'Disorder', min: 0, max: 15, step: 1, text: (value) => (value === 0 ? 'none' : `up to ${value} s`) },
  { name: 'lateShare', label: 'Much later than that', min: 0, max: 0.5, step: 0.05, text: (value) => `${Math.round(value * 100)} %` },
]

export function generatorPanel(store: Store): HTMLElement {
  let settings = GENERATOR_DEFAULTS
  const generate = (change: Partial<GeneratorSettings>) => {
    settings = { ...settings, ...change }
    const source = store.state.trace?.source
    if (source !== undefined) store.set({ entries: generated(settings, source).map(placed), isPlaying: false })
  }
  const sliders = SLIDERS.map(({ name, label, min, max, step, text }) => {
    const output = el('output', {}, text(settings[name]))
    const input: HTMLInputElement = el('input', {
      type: 'range',
      min,
      max,
      step,
      value: settings[name],
      'aria-valuetext': text(settings[name]),
      input: () => {
        output.textContent = text(input.valueAsNumber)
        input.setAttribute('aria-valuetext', text(input.valueAsNumber))
        generate({ [name]: input.valueAsNumber })
      },
    })
    return el('label', { class: 'slider' }, el('span', {}, label), input, output)
  })
  const again = el('button', { type: 'button', click: () => generate({ seed: settings.seed + 1 }) }, 'Throw the dice')
  return el('div', { class: 'generator' }, ...sliders, again)
}
