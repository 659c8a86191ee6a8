/**
 * Results as tables, one for each sink, as far as they have come at the step that is shown.
 *
 * Before: the trace. After: whoever reads; a row that is pointed at lights up its window, and the other way round.
 */

import { cellText } from '../model/caption.ts'
import type { ColumnShape, PaneInfo, ResultRow, SinkShape } from '../model/trace.ts'
import { el, set } from './dom.ts'
import { momentText, type State, type Store } from './state.ts'

const TIMINGS = ['early', 'on time', 'late'] as const

export function results(store: Store): HTMLElement {
  const body = el('div', { class: 'sinks' })
  const section = el('section', { class: 'results', 'aria-label': 'Results' }, body)
  store.listen((state, before) => {
    if (state.trace !== before?.trace || state.view !== before?.view) build(body, state, store)
    if (state.trace !== before?.trace || state.step !== before?.step || state.view !== before?.view) reveal(body, state, before)
    if (state.window !== before?.window)
      for (const row of body.querySelectorAll('tbody tr')) set(row, { 'data-lit': isOf(row, state.window) })
  })
  return section
}

function isOf(row: Element, window: number | null): boolean {
  return window !== null && row.getAttribute('data-window') === String(window)
}

/** All rows of the trace; those that have not come yet are hidden. */
function build(body: HTMLElement, state: State, store: Store): void {
  const { trace, view } = state
  if (trace === null) return
  const order = { result: 0, findings: 1, late: 2 }
  const numbered = trace.sinks.map((sink, number) => ({ sink, number })).sort((a, b) => order[a.sink.kind] - order[b.sink.kind])
  const tables = numbered.flatMap(({ sink, number }) => {
    const rows = trace.steps.flatMap(({ results: list }, step) => list.filter((row) => row.sink === number).map((row) => ({ row, step })))
    // Of several windows those of the one that is shown, and what belongs to none.
    const ofView = rows[0]?.row.view ?? -1
    if (trace.views.length > 1 && ofView >= 0 && ofView !== view) return []
    return [table(state, sink, rows, store)]
  })
  body.replaceChildren(...tables)
}

interface TimedRow {
  readonly row: ResultRow
  readonly step: number
}

function table(state: State, sink: SinkShape, rows: readonly TimedRow[], store: Store): HTMLElement {
  const columns = sink.columns.filter(({ name }) => name !== 'windowStart' && name !== 'windowEnd')
  const isWindow = columns.length < sink.columns.length
  const hasPanes = rows.some(({ row }) => row.pane !== null)
  const heads = [...(hasPanes ? ['pane'] : []), ...(isWindow ? ['window'] : []), ...columns.map(({ name }) => name)]
  const lines = rows.map(({ row, step }) => {
    const line = el(
      'tr',
      // As the sink got it, moments in milliseconds.
      {
        title: JSON.stringify(row.row),
        'data-step': step + 1,
        'data-window': row.window,
        'data-change': row.pane?.change ?? '',
        'data-timing': row.pane?.timing ?? '',
        'data-kind': sink.kind,
      },
      ...(hasPanes ? [paneCell(row.pane)] : []),
      ...(isWindow
        ? [el('td', { class: 'bounds' }, momentText(state).window(row.row['windowStart'] as number, row.row['windowEnd'] as number))]
        : []),
      ...columns.map((column) => valueCell(column, row.row[column.name], state)),
    )
    if (row.window !== null) {
      line.addEventListener('pointerenter', () => store.set({ window: row.window }))
      line.addEventListener('pointerleave', () => store.set({ window: null }))
    }
    return line
  })
  const id = `sink-${sink.name}`
  return el(
    'div',
    { class: 'sink', 'data-kind': sink.kind, 'data-sink': sink.name },
    el('h2', { id }, sink.name, el('span', { class: 'count' })),
    el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-labelledby': id },
      el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col' }, head)))), el('tbody', {}, ...lines)),
      el('p', { class: 'nothing' }, sink.kind === 'late' ? 'Nothing is late yet.' : 'Nothing has come out yet.'),
    ),
  )
}

function paneCell(pane: PaneInfo | null): HTMLElement {
  if (pane === null) return el('td', {}, '–')
  const { timing, change, index } = pane
  return el(
    'td',
    { class: 'pane' },
    el('span', { class: 'change' }, change.replace('-', '−')),
    el('span', { class: `timing timing-${timing}` }, TIMINGS[timing] ?? ''),
    el('span', { class: 'index', title: `Pane ${index}` }, String(index)),
  )
}

function valueCell({ type }: ColumnShape, value: unknown, state: State): HTMLElement {
  const isNumber = typeof value === 'number' && type !== 'timestamp'
  return el(
    'td',
    { class: isNumber ? 'number' : '' },
    type === 'timestamp' && typeof value === 'number' ? momentText(state).of(value) : cellText(value),
  )
}

/** Shows what has come by the step. */
function reveal(body: HTMLElement, { step }: State, before: State | null): void {
  for (const sink of body.querySelectorAll<HTMLElement>('.sink')) {
    let count = 0
    let newest: HTMLElement | null = null
    for (const row of sink.querySelectorAll<HTMLElement>('tbody tr')) {
      const at = Number(row.dataset['step'])
      row.hidden = at > step
      set(row, { 'data-new': at === step })
      if (at > step) continue
      count++
      newest = row
    }
    sink.querySelector('.count')!.textContent = String(count)
    set(sink, { 'data-empty': count === 0 })
    const scroll = sink.querySelector<HTMLElement>('.scroll')!
    if (newest !== null && before?.step !== step) scroll.scrollTop = newest.offsetTop - scroll.clientHeight + newest.offsetHeight + 8
  }
}
