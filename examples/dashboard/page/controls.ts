/**
 * Everything that can be done on the page: sliders of the fleet, ways to break the job, keys.
 *
 * Before: the hand. After: main.ts carries it out.
 *
 * Invariant: whatever a key does, a control on the page does, too.
 */

import { type FleetSettings, SETTING_RANGES, type SettingRange } from '../generator/settings.ts'
import { byId, setText } from './format.ts'

export interface ControlEvents {
  settings(settings: FleetSettings): void
  crash(): void
  offline(): void
  reload(): void
  parallelism(parallelism: number): void
  feed(feed: string): void
  reset(seed: number | undefined): void
  hold(): void
  theme(): void
}

/** A slider that moves changes the fleet when it rests. */
const REST_MS = 220

export class Controls {
  readonly #events: ControlEvents
  #settings: FleetSettings
  readonly #sliders = new Map<
    string,
    { readonly range: SettingRange; readonly input: HTMLInputElement; readonly output: HTMLOutputElement }
  >()
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(settings: FleetSettings, events: ControlEvents) {
    this.#settings = settings
    this.#events = events
    this.#makeSliders()
    this.#listen()
    this.#keys()
  }

  offline(isOffline: boolean): void {
    byId('offline').setAttribute('aria-pressed', String(isOffline))
    setText(byId('offline-word'), isOffline ? 'Go online again' : 'Go offline')
  }

  hold(isHeld: boolean): void {
    byId('pause').setAttribute('aria-pressed', String(isHeld))
  }

  parallelism(parallelism: number): void {
    for (const input of document.querySelectorAll<HTMLInputElement>('#parallelism input'))
      input.checked = Number(input.value) === parallelism
  }

  #makeSliders(): void {
    for (const { title, ranges } of SETTING_RANGES) {
      const group = document.createElement('div')
      group.className = 'slider-group'
      group.setAttribute('role', 'group')
      group.setAttribute('aria-label', title)
      group.append(Object.assign(document.createElement('h3'), { textContent: title }), ...ranges.map((range) => this.#slider(range)))
      byId('sliders').append(group)
    }
  }

  #slider(range: SettingRange): HTMLElement {
    const box = document.createElement('div')
    const id = `set-${range.name}`
    const label = Object.assign(document.createElement('label'), { htmlFor: id, textContent: range.label })
    const output = document.createElement('output')
    const input = Object.assign(document.createElement('input'), {
      type: 'range',
      id,
      min: '0',
      max: String(range.steps.length - 1),
      step: '1',
    })
    box.className = 'slider'
    box.title = range.hint
    output.htmlFor.add(id)
    const value = this.#settings[range.name]
    const nearest = range.steps.reduce(
      (best, step, index) => (Math.abs(step - value) < Math.abs(range.steps[best]! - value) ? index : best),
      0,
    )
    input.value = String(nearest)
    input.setAttribute('aria-description', range.hint)
    const show = () => {
      const step = Number(input.value)
      setText(output, range.format(range.steps[step]!))
      input.setAttribute('aria-valuetext', range.format(range.steps[step]!))
      input.style.setProperty('--part', `${(step / (range.steps.length - 1)) * 100}%`)
    }
    show()
    input.addEventListener('input', () => {
      show()
      this.#settings = { ...this.#settings, [range.name]: range.steps[Number(input.value)]! }
      if (this.#timer !== null) clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#events.settings(this.#settings), REST_MS)
    })
    box.append(label, output, input)
    this.#sliders.set(range.name, { range, input, output })
    return box
  }

  #listen(): void {
    const events = this.#events
    byId('crash').addEventListener('click', () => events.crash())
    byId('offline').addEventListener('click', () => events.offline())
    byId('reload').addEventListener('click', () => events.reload())
    byId('pause').addEventListener('click', () => events.hold())
    byId('help').addEventListener('click', () => byId<HTMLDialogElement>('help-dialog').showModal())
    byId('parallelism').addEventListener('change', ({ target }) => events.parallelism(Number((target as HTMLInputElement).value)))
    byId('feed').addEventListener('change', ({ target }) => events.feed((target as HTMLSelectElement).value))
    byId('reset').addEventListener('click', () => this.#reset())
    byId('seed').addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') this.#reset()
    })
  }

  #reset(): void {
    const seed = Number.parseInt(byId<HTMLInputElement>('seed').value, 10)
    this.#events.reset(Number.isInteger(seed) ? seed : undefined)
  }

  #keys(): void {
    const actions: readonly { readonly keys: readonly string[]; readonly what: string; readonly run: () => void }[] = [
      { keys: ['C'], what: 'crash a worker', run: () => this.#events.crash() },
      { keys: ['O'], what: 'go offline, and online again', run: () => this.#events.offline() },
      { keys: ['R'], what: 'reload the page', run: () => this.#events.reload() },
      { keys: ['1', '2', '4'], what: 'restart with so many workers', run: () => {} },
      { keys: ['P'], what: 'hold the picture; the job goes on', run: () => this.#events.hold() },
      { keys: ['T'], what: 'light, dark, as the system', run: () => this.#events.theme() },
      { keys: ['?'], what: 'this list', run: () => byId<HTMLDialogElement>('help-dialog').showModal() },
    ]
    const list = byId('shortcuts')
    for (const { keys, what } of actions) {
      const term = document.createElement('dt')
      term.append(...keys.map((key) => Object.assign(document.createElement('kbd'), { textContent: key })))
      list.append(term, Object.assign(document.createElement('dd'), { textContent: what }))
    }
    const toggle = byId<HTMLInputElement>('keys-on')
    toggle.checked = localStorage.getItem('millrace.keys') !== 'off'
    toggle.addEventListener('change', () => localStorage.setItem('millrace.keys', toggle.checked ? 'on' : 'off'))
    addEventListener('keydown', (event) => {
      if (!toggle.checked) return
      const target = event.target as HTMLElement
      // Letters belong to whoever takes text, and to the browser when a modifier is held.
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        target.closest('select, dialog[open], input:not([type=range], [type=radio])') !== null
      )
        return
      if (['1', '2', '4'].includes(event.key)) {
        this.parallelism(Number(event.key))
        return this.#events.parallelism(Number(event.key))
      }
      actions.find(({ keys }) => keys.includes(event.key.toUpperCase()))?.run()
    })
  }
}
