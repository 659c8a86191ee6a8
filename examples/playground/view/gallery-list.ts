/** The gallery: a list at the side where there is room, a menu elsewhere; and what the example shows, in two sentences. */

import { EXAMPLES, type Example, GROUPS } from '../gallery/examples.ts'
import { el, set } from './dom.ts'
import type { Store } from './state.ts'

export function galleryList(store: Store, open: (example: Example) => void): HTMLElement {
  const links = new Map<string, HTMLElement>()
  const groups = GROUPS.map((group) => {
    const items = group.examples.map((example) => {
      // The address does not change for the example that is shown: it is opened as it was.
      const again = () => {
        if (location.hash === `#${example.id}`) open(example)
      }
      const link = el('a', { href: `#${example.id}`, click: again }, example.title)
      links.set(example.id, link)
      return el('li', {}, link)
    })
    return el('div', {}, el('h2', {}, group.title), el('ul', {}, ...items))
  })
  const menu: HTMLSelectElement = el(
    'select',
    { 'aria-label': 'Example', change: () => openById(menu.value) },
    el('option', { value: '', disabled: true }, 'Your own'),
    ...GROUPS.map(({ title, examples }) =>
      el('optgroup', { label: title }, ...examples.map((one) => el('option', { value: one.id }, one.title))),
    ),
  )
  const openById = (id: string) => {
    const example = EXAMPLES.find((candidate) => candidate.id === id)
    if (example !== undefined) open(example)
  }
  store.listen((state, before) => {
    if (state.example === before?.example) return
    menu.value = state.example ?? ''
    for (const [id, link] of links) set(link, { 'aria-current': id === state.example ? 'page' : null })
  })
  return el('nav', { class: 'gallery', 'aria-label': 'Examples' }, el('div', { class: 'gallery-menu' }, menu), ...groups)
}

export function exampleText(store: Store): HTMLElement {
  const title = el('h1', {}, 'Millrace playground')
  const text = el('p', {})
  store.listen((state, before) => {
    if (state.example === before?.example && before !== null) return
    const example = EXAMPLES.find(({ id }) => id === state.example)
    title.textContent = example?.title ?? 'Your own pipeline'
    text.textContent = example?.text ?? 'Edit the pipeline and its stream, and play it: what you see is what the engine does.'
  })
  return el('header', { class: 'example' }, title, text)
}
