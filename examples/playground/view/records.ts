/**
 * Records as dots: a button for each, in the row of its arrival and at its event time; and once more where it goes if no window takes it.
 *
 * Before: stream, trace and step. After: `drag-records.ts`, which moves them.
 */

import { FATE_WORDS } from '../model/caption.ts'
import type { Fate, Step } from '../model/trace.ts'
import { el, Keyed, set } from './dom.ts'
import { ASIDES, type Geometry } from './geometry.ts'
import { momentText, type Placed, type State } from './state.ts'

interface Dot {
  readonly placed: Placed
  readonly index: number
  readonly x: number
  readonly y: number
  readonly when: 'past' | 'now' | 'future'
  readonly fate: Fate | null
  readonly text: string
  readonly label: string
  readonly size: number
  readonly isSecondSplit: boolean
}

interface Aside {
  readonly x: number
  readonly y: number
  readonly isNow: boolean
  readonly className: string
  readonly text: string
}

export class Records {
  readonly group = el('div', {
    class: 'records',
    role: 'group',
    'aria-label': 'Records, in order of arrival',
    'aria-describedby': 'record-keys',
  })
  readonly #dots: Keyed<Dot, HTMLButtonElement>
  readonly #pauses = el('div', { class: 'pauses', 'aria-hidden': 'true' })
  readonly #asides: Keyed<Aside, HTMLElement>

  constructor(plot: HTMLElement) {
    const asides = el('div', { class: 'asides', 'aria-hidden': 'true' })
    plot.append(this.#pauses, asides, this.group)
    this.#dots = new Keyed(this.group, () => el('button', { type: 'button', class: 'record' }), showDot)
    this.#asides = new Keyed(asides, () => el('span', { class: 'aside' }), showAside)
  }

  draw(state: State, geometry: Geometry): void {
    const dots = dotsOf(state, geometry)
    this.#dots.show(dots)
    this.#asides.show(state.trace!.views[state.view]?.uid === null ? flowOf(state, geometry) : asidesOf(state, geometry))
    this.#pauses.replaceChildren(...pausesOf(state, geometry))
    rove(this.group)
  }
}

/** One of the dots is reached by Tab, the others from there by arrow keys. */
function rove(group: HTMLElement): void {
  const dots = [...group.querySelectorAll<HTMLButtonElement>('.record')]
  const current =
    dots.find((dot) => dot === document.activeElement) ??
    dots.find((dot) => dot.tabIndex === 0 && dot.dataset['roved'] !== undefined) ??
    dots[0]
  for (const dot of dots) {
    dot.tabIndex = dot === current ? 0 : -1
    if (dot === current) dot.dataset['roved'] = ''
    else delete dot.dataset['roved']
  }
}

function dotsOf(state: State, geometry: Geometry): ReadonlyMap<string, Dot> {
  const { trace, traced, step, view } = state
  const dots = new Map<string, Dot>()
  const isByClock = trace!.views[view]?.isByClock === true
  const fates = fatesBy(state, trace!.steps.length)
  traced.forEach((item, index) => {
    const { entry, id } = item
    const played = trace!.steps[index]
    if (entry.kind !== 'record') return
    const timeMs = isByClock ? (played?.nowMs ?? null) : (played?.timeMs ?? null)
    if (timeMs === null && played?.deadLetter === null) return
    const key = played?.views[view]?.key ?? ''
    const fate = fates.get(index)?.fate ?? null
    dots.set(String(id), {
      placed: item,
      index,
      x: timeMs === null ? geometry.left : geometry.x(timeMs),
      y: geometry.rowY(index),
      when: index < step - 1 ? 'past' : index === step - 1 ? 'now' : 'future',
      fate,
      text: geometry.rowHeight >= 18 ? key.slice(0, 2) : '',
      label: labelOf(state, played, key, index, fate),
      size: Math.min(18, geometry.rowHeight - 2),
      isSecondSplit: entry.split > 0,
    })
  })
  return dots
}

/** What is known of records by a step, the last that is said of each. */
function fatesBy({ trace, view }: State, step: number): ReadonlyMap<number, { readonly fate: Fate; readonly at: number }> {
  const fates = new Map<number, { fate: Fate; at: number }>()
  trace!.steps.slice(0, step).forEach(({ views }, at) => {
    for (const { record, fate } of views[view]?.fates ?? []) fates.set(record, { fate, at })
  })
  return fates
}

function labelOf(state: State, played: Step | undefined, key: string, index: number, fate: Fate | null): string {
  const time = played === undefined || played.timeMs === null ? 'without event time' : momentText(state).of(played.timeMs)
  const became = fate === null || fate === 'taken' || fate === 'held' ? '' : `, ${FATE_WORDS[fate]}`
  return `Record ${key === '' ? '' : `${key} `}${time}, arrives ${index + 1} of ${state.traced.length}${became}`
}

function showDot(button: HTMLButtonElement, dot: Dot): void {
  const isAside = dot.fate !== null && ASIDES.includes(dot.fate)
  set(button, {
    'data-id': dot.placed.id,
    'data-index': dot.index,
    'data-when': dot.when,
    'data-fate': dot.fate ?? '',
    'data-aside': isAside && dot.when !== 'future',
    'data-split': dot.isSecondSplit,
    'aria-label': dot.label,
    title: dot.label,
  })
  button.style.setProperty('--size', `${dot.size}px`)
  button.style.transform = `translate(${dot.x}px, ${dot.y}px)`
  if (button.textContent !== dot.text) button.textContent = dot.text
}

function showAside(element: HTMLElement, { x, y, isNow, className, text }: Aside): void {
  element.className = `aside ${className}`
  set(element, { 'data-now': isNow })
  element.style.transform = `translate(${x}px, ${y}px)`
  if (element.textContent !== text) element.textContent = text
}

/** Records that got into no window, in the lane of what became of them. */
function asidesOf(state: State, geometry: Geometry): ReadonlyMap<string, Aside> {
  const { trace, traced, step, view } = state
  const lanes = new Map(geometry.asides.map((lane) => [lane.fate, lane]))
  const asides = new Map<string, Aside>()
  for (const [record, { fate, at }] of fatesBy(state, step)) {
    const lane = lanes.get(fate)
    const placed = traced[record]
    const played = trace!.steps[record]
    if (lane === undefined || placed === undefined || played === undefined) continue
    const x = played.timeMs === null ? geometry.left + 8 : geometry.x(played.timeMs)
    const text = (played.views[view]?.key ?? '').slice(0, 2)
    asides.set(String(placed.id), { x, y: lane.top + lane.height / 2 - 2, isNow: at === step - 1, className: `fate-${fate}`, text })
  }
  return asides
}

/** Of a plan without windows: records that are held back, and those that have left, with the number of their leaving. */
function flowOf(state: State, geometry: Geometry): ReadonlyMap<string, Aside> {
  const { trace, traced, step, view } = state
  const asides = new Map(asidesOf(state, geometry))
  const [held, out] = geometry.lanes
  const left = new Map<number, { readonly order: number; readonly at: number }>()
  trace!.steps.slice(0, step).forEach(({ results }, at) => {
    for (const { record } of results) if (record !== null) left.set(record, { order: left.size + 1, at })
  })
  trace!.steps.slice(0, step).forEach((played, index) => {
    const placed = traced[index]
    if (placed === undefined || played.timeMs === null || asides.has(String(placed.id))) return
    const leaves = left.get(index)
    const lane = leaves === undefined ? held! : out!
    const now = leaves === undefined ? index : leaves.at
    asides.set(String(placed.id), {
      x: geometry.x(played.timeMs),
      y: lane.top + lane.height / 2,
      isNow: now === step - 1,
      className: leaves === undefined ? 'held' : 'out',
      text: leaves === undefined ? (played.views[view]?.key ?? '').slice(0, 2) : String(leaves.order),
    })
  })
  return asides
}

/** Entries that are no records: the clock goes on, or the source says a watermark. */
function pausesOf({ traced, step }: State, geometry: Geometry): readonly HTMLElement[] {
  return traced.flatMap(({ entry }, index) => {
    if (entry.kind === 'record') return []
    const text = entry.kind === 'clock' ? `clock + ${entry.by}` : `watermark ${entry.to}`
    const style = `top: ${geometry.rowY(index)}px; left: ${geometry.left}px; right: 16px`
    return [
      el(
        'div',
        { class: 'pause', style, 'data-when': index < step - 1 ? 'past' : index === step - 1 ? 'now' : 'future' },
        el('span', {}, text),
      ),
    ]
  })
}
