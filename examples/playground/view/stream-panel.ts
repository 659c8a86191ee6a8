/**
 * The stream as a table, as text, or made by dice.
 *
 * Before: the store. After: the store; the time line has the same stream under the hand.
 */

import { entriesOf, EntryError, textOf } from '../model/entry.ts'
import { el } from './dom.ts'
import { generatorPanel } from './generator-panel.ts'
import { placed, type Store } from './state.ts'
import { streamTable } from './stream-table.ts'
import { tabs } from './tabs.ts'

export function streamPanel(store: Store): HTMLElement {
  const bar = tabs(
    'Stream',
    [
      { id: 'table', title: 'Stream', panel: streamTable(store) },
      { id: 'text', title: 'NDJSON', panel: textPanel(store) },
      { id: 'generate', title: 'Generate', panel: generatorPanel(store) },
    ],
    () => {},
  )
  return el('section', { class: 'stream', 'aria-label': 'Stream' }, bar.list, ...bar.panels)
}

function textPanel(store: Store): HTMLElement {
  const problem = el('p', { class: 'problem', role: 'alert', hidden: true })
  const area = el('textarea', {
    'aria-label': 'Stream as NDJSON',
    'aria-describedby': 'stream-text-help',
    spellcheck: 'false',
    autocapitalize: 'off',
    wrap: 'off',
  })
  let own: readonly unknown[] | null = null
  area.addEventListener('input', () => {
    try {
      const entries = entriesOf(area.value).map(placed)
      own = entries
      problem.hidden = true
      store.set({ entries, isPlaying: false })
    } catch (error) {
      if (!(error instanceof EntryError)) throw error
      problem.hidden = false
      problem.textContent = error.message
    }
  })
  store.listen((state, before) => {
    if (state.entries === before?.entries || state.entries === own) return
    area.value = textOf(state.entries.map(({ entry }) => entry))
    problem.hidden = true
  })
  const help = el(
    'p',
    { class: 'help', id: 'stream-text-help' },
    'A record a line, in order of arrival. ',
    el('code', {}, '{"$clock": "5s"}'),
    ' lets the clock of the host go on, ',
    el('code', {}, '"$split": 1'),
    ' puts a record on another split.',
  )
  return el('div', { class: 'stream-text' }, area, problem, help)
}
