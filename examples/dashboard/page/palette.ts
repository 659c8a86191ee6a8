/**
 * Colours for the canvases: the properties of tokens.css as they are now, light or dark.
 *
 * Before: the stylesheet, the system, the theme button. After: every canvas draws anew when they change.
 */

import { byId, setText } from './format.ts'
import { chooseNextTheme, chosenTheme, showTheme, systemDark } from './theme.ts'

const NAMES = [
  'paper',
  'panel',
  'sunken',
  'ink',
  'ink-2',
  'ink-3',
  'line',
  'line-2',
  'water',
  'dot',
  'amber',
  'rose',
  'green',
  'red',
  'cold',
  'mild',
  'hot',
  'series-1',
  'series-2',
  'series-3',
  'series-4',
] as const
export type ColourName = (typeof NAMES)[number]

export class Palette {
  #colours = new Map<ColourName, string>()
  readonly #listeners: (() => void)[] = []
  /** Rises with every change of colours. */
  version = 0

  constructor() {
    systemDark.addEventListener('change', () => this.#show())
    this.#show()
    const button = byId('theme')
    button.addEventListener('click', () => this.cycle())
  }

  get(name: ColourName): string {
    return this.#colours.get(name)!
  }

  /** A colour with an opacity of 0 to 1. */
  alpha(name: ColourName, opacity: number): string {
    const [red, green, blue] = this.rgb(name)
    return `rgb(${red} ${green} ${blue} / ${opacity})`
  }

  rgb(name: ColourName): readonly [number, number, number] {
    // Six hexadecimal digits, as tokens.css writes all that are looked up here.
    const hex = this.get(name)
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as readonly [number, number, number]
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** As the system, light, dark, and again. */
  cycle(): void {
    chooseNextTheme()
    this.#show()
  }

  #show(): void {
    showTheme()
    const theme = chosenTheme()
    setText(byId('theme-name'), `${theme[0]!.toUpperCase()}${theme.slice(1)}`)
    this.#read()
  }

  #read(): void {
    const style = getComputedStyle(document.documentElement)
    this.#colours = new Map(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
    this.version++
    for (const listener of this.#listeners) listener()
  }
}

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')
export const hasReducedMotion = () => reducedMotion.matches
