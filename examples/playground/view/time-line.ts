/**
 * The time line: records as they arrive, the watermark that sweeps over event time, and the windows below it.
 *
 * Before: the trace and the step at which the picture stands. After: whoever looks, drags or listens.
 *
 * Invariant: what is drawn follows from trace and step alone; that it glides from one step to the next is CSS's work.
 */

import { captionOf } from '../model/caption.ts'
import { el, set } from './dom.ts'
import { dragRecords } from './drag-records.ts'
import { type Geometry, geometryOf } from './geometry.ts'
import { Ground } from './ground.ts'
import { Records } from './records.ts'
import { narratorOf, type State, type Store } from './state.ts'
import { Windows } from './windows.ts'

export function timeLine(store: Store): HTMLElement {
  const plot = el('div', { class: 'plot' })
  const caption = el('p', { class: 'caption', 'data-testid': 'caption' })
  const spoken = el('p', { class: 'visually-hidden', role: 'status', 'aria-live': 'polite' })
  const views = el('div', { class: 'segments', role: 'group', 'aria-label': 'Windows shown', hidden: true })
  const section = el('section', { class: 'time-line', 'aria-label': 'Time line' }, views, caption, spoken, plot)

  const ground = new Ground(plot)
  const windows = new Windows(plot, store)
  const records = new Records(plot)
  let geometry: Geometry | null = null
  dragRecords(records.group, store, () => geometry)

  const draw = (state: State) => {
    if (state.trace === null || plot.clientWidth === 0) return
    geometry = geometryOf(state.trace, state.view, plot.clientWidth, state.frozen)
    plot.style.height = `${geometry.height}px`
    ground.draw(state, geometry)
    windows.draw(state, geometry)
    records.draw(state, geometry)
  }
  new ResizeObserver(() => draw(store.state)).observe(plot)

  store.listen((state, before) => {
    set(section, { 'aria-busy': state.trace === null })
    const narrator = narratorOf(state)
    if (narrator !== null) {
      const text = captionOf(narrator, state.step)
      caption.textContent = text
      // While it plays, a voice would fall behind: it says the step at which the picture comes to rest.
      if (!state.isPlaying && before !== null && (before.step !== state.step || before.isPlaying)) spoken.textContent = text
    }
    if (state.trace !== before?.trace || state.view !== before?.view) showViews(views, state, store)
    draw(state)
  })
  return section
}

/** Which windows are shown, where a plan has several. */
function showViews(group: HTMLElement, { trace, view }: State, store: Store): void {
  const shapes = trace?.views ?? []
  group.hidden = shapes.length < 2
  group.replaceChildren(
    ...shapes.map(({ text, watermark }, index) => {
      const strategy = trace?.watermarks[watermark]?.text ?? 'by the clock'
      return el(
        'button',
        { type: 'button', 'aria-pressed': index === view, click: () => store.set({ view: index, window: null }) },
        `${text} · ${strategy}`,
      )
    }),
  )
}
