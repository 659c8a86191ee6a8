/**
 * The stream as a table that can be edited: one line an entry, in order of arrival.
 *
 * Before: the store. After: the store. It is also the way for those who do not drag.
 */

import type { Entry, Row } from '../model/entry.ts'
import { BASE_DAY_MS, cellOf, momentOf } from '../model/time-text.ts'
import type { ColumnShape } from '../model/trace.ts'
import { el, set } from './dom.ts'
import { icon } from './icons.ts'
import { type Placed, placed, type Store } from './state.ts'

export function streamTable(store: Store): HTMLElement {
  const head = el('thead')
  const body = el('tbody')
  const add = (entry: () => Entry) => () => store.set({ entries: [...store.state.entries, placed(entry())], isPlaying: false })
  const foot = el(
    'div',
    { class: 'stream-add' },
    el('button', { type: 'button', click: add(() => nextRecord(store)) }, 'Add a record'),
    el('button', { type: 'button', click: add(() => ({ kind: 'clock', by: '5s' })) }, 'Let the clock go on'),
  )
  let columns: readonly ColumnShape[] = []
  store.listen((state, before) => {
    const now = state.trace?.source.columns ?? columnsOf(state.entries)
    const isNew = shapeOf(now) !== shapeOf(columns)
    columns = now
    if (isNew)
      head.replaceChildren(
        el(
          'tr',
          {},
          el('th', { scope: 'col' }, el('span', { class: 'visually-hidden' }, 'Arrival')),
          ...columns.map(({ name }) => el('th', { scope: 'col' }, name)),
          el('th', { scope: 'col' }, el('span', { class: 'visually-hidden' }, 'Actions')),
        ),
      )
    if (isNew || state.entries !== before?.entries) draw(body, state.entries, columns, store)
    if (isNew || state.entries !== before?.entries || state.step !== before?.step) mark(body, state.step)
  })
  return el('div', { class: 'stream-table' }, el('div', { class: 'scroll' }, el('table', {}, head, body)), foot)
}

function shapeOf(columns: readonly ColumnShape[]): string {
  return columns.map(({ name, type }) => `${name}:${type}`).join()
}

/** Which inputs a line has: one that is typed in before the engine has said what the columns are must outlast that. */
function formOf(columns: readonly ColumnShape[]): string {
  return columns.map(({ name, type }) => `${name}:${type === 'bool'}`).join()
}

/** As values look, until the engine has said what the columns are: a number that is typed meanwhile is one. */
function columnsOf(entries: readonly Placed[]): readonly ColumnShape[] {
  const rows = entries.flatMap(({ entry }) => (entry.kind === 'record' ? [entry.row] : []))
  const names = new Set(rows.flatMap((row) => Object.keys(row)))
  const types: Readonly<Record<string, string>> = { number: 'f64', boolean: 'bool' }
  return [...names].map((name) => {
    const value = rows.map((row) => row[name]).find((each) => each !== null && each !== undefined)
    return { name, type: types[typeof value] ?? 'utf8' }
  })
}

/** Lines keep their elements, so that the one that is typed in keeps the caret. */
function draw(body: HTMLElement, entries: readonly Placed[], columns: readonly ColumnShape[], store: Store): void {
  const known = new Map([...body.children].map((line) => [(line as HTMLElement).dataset['id'], line as HTMLElement]))
  const form = formOf(columns)
  const lines = entries.map((item, index) => {
    const old = known.get(String(item.id))
    const line = old?.dataset['form'] === form ? old : lineOf(item, columns, form, store)
    fill(line, item, columns, index)
    return line
  })
  if (lines.length !== body.children.length || lines.some((line, index) => body.children[index] !== line)) body.replaceChildren(...lines)
}

function mark(body: HTMLElement, step: number): void {
  ;[...body.children].forEach((line, index) =>
    set(line, { 'data-when': index < step - 1 ? 'past' : index === step - 1 ? 'now' : 'future' }),
  )
}

function lineOf({ id, entry }: Placed, columns: readonly ColumnShape[], form: string, store: Store): HTMLElement {
  const change = (to: (entry: Entry) => Entry) => {
    const entries = store.state.entries.map((item) => (item.id === id ? { ...item, entry: to(item.entry) } : item))
    store.set({ entries, isPlaying: false })
  }
  const cells =
    entry.kind === 'record'
      ? columns.map((column) =>
          el(
            'td',
            {},
            recordInput(column, (value) => change((now) => withCell(now, column.name, value))),
          ),
        )
      : [el('td', { colspan: columns.length, class: 'pause-cell' }, pauseInput(entry, change))]
  return el(
    'tr',
    { 'data-id': id, 'data-form': form },
    el('th', { scope: 'row' }),
    ...cells,
    el('td', { class: 'actions' }, ...actions(id, store)),
  )
}

function withCell(entry: Entry, name: string, value: unknown): Entry {
  return entry.kind === 'record' ? { ...entry, row: { ...entry.row, [name]: value } } : entry
}

function recordInput({ name, type }: ColumnShape, change: (value: unknown) => void): HTMLInputElement {
  const input: HTMLInputElement = el('input', {
    type: type === 'bool' ? 'checkbox' : 'text',
    'data-column': name,
    spellcheck: 'false',
    autocomplete: 'off',
    input: () => change(type === 'bool' ? input.checked : cellValue(input.value, input.dataset['type']!)),
  })
  return input
}

/** What is written in a cell, as its column has it; what is no number stays text, and the engine says what is wrong with it. */
function cellValue(text: string, type: string): unknown {
  if (text.trim() === '') return type === 'utf8' ? text : null
  const isNumber = type === 'f64' || type === 'i32' || (type === 'timestamp' && /^-?\d+$/.test(text.trim()))
  return isNumber && Number.isFinite(Number(text)) ? Number(text) : text
}

function pauseInput(entry: Exclude<Entry, { kind: 'record' }>, change: (to: (entry: Entry) => Entry) => void): HTMLElement {
  const isClock = entry.kind === 'clock'
  const input: HTMLInputElement = el('input', {
    type: 'text',
    spellcheck: 'false',
    input: () =>
      change((now) => (now.kind === 'clock' ? { ...now, by: input.value } : now.kind === 'watermark' ? { ...now, to: input.value } : now)),
  })
  return el('label', {}, isClock ? 'clock + ' : 'watermark ', input)
}

function fill(line: HTMLElement, { entry }: Placed, columns: readonly ColumnShape[], index: number): void {
  line.firstElementChild!.textContent = String(index + 1)
  for (const button of line.querySelectorAll('.actions button'))
    set(button, { 'aria-label': `${button.getAttribute('data-does')} entry ${index + 1}` })
  const inputs = [...line.querySelectorAll('input')]
  if (entry.kind !== 'record') {
    const text = entry.kind === 'clock' ? entry.by : String(entry.to)
    if (inputs[0]!.value !== text) inputs[0]!.value = text
    set(inputs[0]!, { 'aria-label': `${entry.kind === 'clock' ? 'How far the clock goes on' : 'Watermark'}, entry ${index + 1}` })
    return
  }
  columns.forEach(({ name, type }, column) => {
    const input = inputs[column]!
    set(input, {
      'aria-label': `${name}, entry ${index + 1}`,
      'data-type': type,
      inputmode: type === 'f64' || type === 'i32' ? 'decimal' : 'text',
    })
    const value = entry.row[name]
    if (type === 'bool') input.checked = value === true
    // Not while it is typed in: 1. would become 1.
    else if (document.activeElement !== input || cellValue(input.value, type) !== (value ?? null))
      input.value = value === null || value === undefined ? '' : String(value)
  })
}

function actions(id: number, store: Store): readonly HTMLElement[] {
  const shift = (by: number) => () => {
    const { entries } = store.state
    const index = entries.findIndex((item) => item.id === id)
    const to = index + by
    if (to < 0 || to >= entries.length) return
    store.set({ entries: entries.toSpliced(index, 1).toSpliced(to, 0, entries[index]!), isPlaying: false })
  }
  const remove = () => store.set({ entries: store.state.entries.filter((item) => item.id !== id), isPlaying: false })
  const button = (name: 'up' | 'down' | 'remove', does: string, click: () => void) =>
    el('button', { type: 'button', class: 'icon small', 'data-does': does, title: does, click }, icon(name))
  return [button('up', 'Earlier:', shift(-1)), button('down', 'Later:', shift(1)), button('remove', 'Remove', remove)]
}

/** A record like the last one, a little later. */
function nextRecord(store: Store): Entry {
  const { entries, trace } = store.state
  const last = entries.findLast(({ entry }) => entry.kind === 'record')?.entry
  const column = trace?.source.timeColumn ?? null
  if (last?.kind !== 'record') return { kind: 'record', row: emptyRow(trace?.source.columns ?? []), split: 0 }
  if (column === null) return last
  const times = entries.flatMap(({ entry }) => (entry.kind === 'record' ? (momentOf(entry.row[column]) ?? []) : []))
  return { ...last, row: { ...last.row, [column]: cellOf(Math.max(...times) + 2000, last.row[column]) } }
}

function emptyRow(columns: readonly ColumnShape[]): Row {
  const values: Readonly<Record<string, unknown>> = { utf8: 'a', bool: false, timestamp: cellOf(BASE_DAY_MS + 43_200_000, '') }
  return Object.fromEntries(columns.map(({ name, type }) => [name, values[type] ?? 1]))
}
