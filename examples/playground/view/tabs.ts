/** Tabs as people and screen readers expect them: arrow keys go from one to the next, Tab goes into the panel. */

import { el, set } from './dom.ts'

export interface Tab {
  readonly id: string
  readonly title: string
  readonly panel: HTMLElement
}

export interface Tabs {
  readonly list: HTMLElement
  readonly panels: readonly HTMLElement[]
  /** The tab that is shown. */
  readonly current: () => string
  readonly show: (id: string) => void
}

export function tabs(label: string, all: readonly Tab[], onShow: (id: string) => void): Tabs {
  const buttons = all.map(({ id, title }) =>
    el('button', { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}`, click: () => show(id) }, title),
  )
  const list = el('div', { class: 'tabs', role: 'tablist', 'aria-label': label }, ...buttons)
  for (const { id, panel } of all) set(panel, { role: 'tabpanel', id: `panel-${id}`, 'aria-labelledby': `tab-${id}` })
  let current = all[0]!.id
  const draw = () => {
    all.forEach(({ id, panel }, index) => {
      set(buttons[index]!, { 'aria-selected': id === current ? 'true' : 'false', tabindex: id === current ? 0 : -1 })
      panel.hidden = id !== current
    })
  }
  function show(id: string): void {
    if (id === current) return
    current = id
    draw()
    onShow(id)
  }
  list.addEventListener('keydown', (event) => {
    const index = all.findIndex(({ id }) => id === current)
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: all.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    const next = (to + all.length) % all.length
    show(all[next]!.id)
    buttons[next]!.focus()
  })
  draw()
  return { list, panels: all.map(({ panel }) => panel), current: () => current, show }
}
