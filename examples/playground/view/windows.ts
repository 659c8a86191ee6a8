/**
 * Windows as boxes: they open with their first record, fill, become solid when they fire, and fade when their state is gone.
 *
 * Before: the state of every window at a step. After: whoever looks; a box that is pointed at lights up its results.
 */

import { cellText, valuesText } from '../model/caption.ts'
import type { WindowState } from '../model/trace.ts'
import { el, Keyed, set } from './dom.ts'
import { extentOf, type Geometry } from './geometry.ts'
import { momentText, type State, type Store } from './state.ts'

/** Least distance of a record from the side of its box: it is seen as a whole. */
const DOT = 7
/** From this width on a box says the names of its values, too. */
const FULL = 84

interface Box {
  readonly window: WindowState
  readonly left: number
  readonly width: number
  readonly top: number
  readonly height: number
  readonly dots: readonly { readonly record: number; readonly x: number; readonly isPending: boolean; readonly isNew: boolean }[]
  readonly text: string
  readonly title: string
  readonly isLit: boolean
}

export class Windows {
  readonly #boxes: Keyed<Box, HTMLDivElement>

  constructor(plot: HTMLElement, store: Store) {
    const group = el('div', { class: 'windows', 'aria-hidden': 'true' })
    plot.append(group)
    const make = ({ window }: Box) => {
      const enter = () => store.set({ window: window.id })
      const leave = () => store.set({ window: null })
      return el(
        'div',
        { class: 'window', 'data-id': window.id, pointerenter: enter, pointerleave: leave },
        el('span', { class: 'values' }),
        el('div', { class: 'dots' }),
      )
    }
    this.#boxes = new Keyed(group, make, show)
  }

  draw(state: State, geometry: Geometry): void {
    const { trace, view, step } = state
    const windows = trace!.steps[step - 1]?.views[view]?.windows ?? []
    this.#boxes.show(new Map(windows.map((window) => [String(window.id), boxOf(state, window, geometry)])))
  }
}

function boxOf(state: State, window: WindowState, geometry: Geometry): Box {
  const { trace, step, view } = state
  const [start, end] = extentOf(window, geometry)
  const isByClock = trace!.views[view]?.isByClock === true
  const dots = window.records.flatMap((record, index) => {
    const played = trace!.steps[record]
    const ms = isByClock ? played?.nowMs : played?.timeMs
    if (ms === null || ms === undefined) return []
    const x = Math.min(Math.max(geometry.x(ms) - start, DOT), Math.max(DOT, end - start - DOT))
    return [{ record, x, isPending: index >= window.records.length - window.pending, isNew: record === step - 1 }]
  })
  const full = Object.keys(window.values).length > 0 ? valuesText(window.values, '  ') : `${window.count}`
  const values = end - start < FULL ? Object.values(window.values).map(cellText).join(' · ') : full
  const bounds = `${momentText(state).window(window.startMs, window.endMs)}${window.key === '' ? '' : ` ${window.key}`}`
  return {
    window,
    left: start,
    width: end - start,
    top: geometry.boxY(window.id),
    height: geometry.boxHeight,
    dots,
    text: window.phase === 'lost' ? 'no result' : values,
    title: `${bounds}: ${valuesText(window.values)}; ${window.count} ${window.count === 1 ? 'record' : 'records'}`,
    isLit: state.window === window.id,
  }
}

function show(element: HTMLElement, box: Box): void {
  const { window } = box
  set(element, {
    'data-phase': window.phase,
    'data-now': nowOf(window),
    'data-lit': box.isLit,
    'data-flat': box.height < 30,
    'data-narrow': box.width < 24,
    title: box.title,
  })
  element.style.transform = `translate(${box.left}px, ${box.top}px)`
  element.style.width = `${box.width}px`
  element.style.height = `${box.height}px`
  const [values, dots] = element.children as unknown as readonly [HTMLElement, HTMLElement]
  if (values.textContent !== box.text) values.textContent = box.text
  showDots(dots, box)
}

function showDots(parent: HTMLElement, { dots }: Box): void {
  const known = new Map([...parent.children].map((child) => [(child as HTMLElement).dataset['record'], child as HTMLElement]))
  const now = new Set(dots.map(({ record }) => String(record)))
  for (const [record, element] of known) if (!now.has(record!)) element.remove()
  for (const { record, x, isPending, isNew } of dots) {
    let element = known.get(String(record))
    if (element === undefined) {
      element = el('i', { 'data-record': record })
      parent.append(element)
    }
    set(element, { 'data-pending': isPending, 'data-new': isNew })
    element.style.left = `${x}px`
  }
}

/** The one thing of this step that the box shows. */
function nowOf({ events }: WindowState): string | null {
  for (const event of ['corrected', 'fired', 'complete', 'early', 'merged', 'opened', 'took', 'retracted'] as const)
    if (events.includes(event)) return event
  return null
}
