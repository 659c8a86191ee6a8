/**
 * Records under the hand: dragged to the side they change their event time, dragged up or down their place in the order of arrival.
 *
 * Before: pointer and keyboard on the dots. After: the stream, which is played anew at once, also while a record is dragged.
 *
 * Keys: up and down go from record to record, left and right change event time (with Shift by ten), Alt with up and down changes the arrival,
 * Delete takes the record out, Insert or Enter puts a copy behind it.
 */

import { cellOf, momentOf } from '../model/time-text.ts'
import { type Geometry, grainOf } from './geometry.ts'
import { type Placed, placed, type State, type Store } from './state.ts'

interface Drag {
  readonly id: number
  readonly fromX: number
  readonly fromY: number
  hasMoved: boolean
}

/** Pixels within which a press is no drag yet. */
const SLACK = 3

export function dragRecords(group: HTMLElement, store: Store, geometry: () => Geometry | null): void {
  let drag: Drag | null = null

  group.addEventListener('pointerdown', (event) => {
    const button = recordOf(event)
    const now = geometry()
    if (button === null || now === null || event.button !== 0) return
    button.setPointerCapture(event.pointerId)
    drag = { id: Number(button.dataset['id']), hasMoved: false, fromX: event.clientX, fromY: event.clientY }
  })
  group.addEventListener('pointermove', (event) => {
    const now = geometry()
    if (drag === null || now === null) return
    if (!drag.hasMoved && Math.hypot(event.clientX - drag.fromX, event.clientY - drag.fromY) < SLACK) return
    if (!drag.hasMoved) {
      drag.hasMoved = true
      recordOf(event)?.setAttribute('data-dragged', '')
      // The ground stays where it is under the hand.
      store.set({ frozen: [now.fromMs, now.toMs], isPlaying: false })
    }
    const { left, top } = group.getBoundingClientRect()
    const grain = grainOf(now)
    const ms = Math.round(now.ms(event.clientX - left) / grain) * grain
    const row = Math.floor((event.clientY - top - now.rowsTop) / now.rowHeight)
    move(store, drag.id, { ms, index: row })
  })
  const end = (event: Event) => {
    if (drag === null) return
    recordOf(event)?.removeAttribute('data-dragged')
    if (drag.hasMoved) store.set({ frozen: null })
    else showStep(store, drag.id)
    drag = null
  }
  group.addEventListener('pointerup', end)
  group.addEventListener('pointercancel', end)

  group.addEventListener('keydown', (event) => {
    const button = recordOf(event)
    const now = geometry()
    if (button === null || now === null) return
    if (press(event, button, store, now)) event.preventDefault()
  })
}

/** A press without a drag: the picture goes to where this record arrives. */
function showStep(store: Store, id: number): void {
  const index = store.state.traced.findIndex((item) => item.id === id)
  if (index >= 0) store.set({ step: index + 1, isPlaying: false })
}

/** @returns whether the key meant something. */
function press(event: KeyboardEvent, button: HTMLButtonElement, store: Store, geometry: Geometry): boolean {
  const { entries } = store.state
  const id = Number(button.dataset['id'])
  const index = entries.findIndex((item) => item.id === id)
  switch (event.key) {
    case 'ArrowUp':
    case 'ArrowDown': {
      const by = event.key === 'ArrowUp' ? -1 : 1
      if (event.altKey) move(store, id, { index: index + by })
      else focusNext(button, by)
      return true
    }
    case 'ArrowLeft':
    case 'ArrowRight': {
      const ms = timeOf(store.state, id)
      const by = grainOf(geometry) * (event.shiftKey ? 10 : 1) * (event.key === 'ArrowLeft' ? -1 : 1)
      if (ms !== null) move(store, id, { ms: ms + by })
      return true
    }
    case 'Delete':
    case 'Backspace':
      focusNext(button, index + 1 < entries.length ? 1 : -1)
      store.set({ entries: entries.filter((item) => item.id !== id), isPlaying: false })
      return true
    case 'Insert':
    case 'Enter': {
      const copy = placed(entries[index]!.entry)
      store.set({ entries: entries.toSpliced(index + 1, 0, copy), isPlaying: false })
      return true
    }
    case ' ':
      showStep(store, id)
      return true
    default:
      return false
  }
}

function focusNext(button: HTMLButtonElement, by: number): void {
  const dots = [...button.parentElement!.querySelectorAll<HTMLButtonElement>('.record')].sort(
    (a, b) => Number(a.dataset['index']) - Number(b.dataset['index']),
  )
  dots[dots.indexOf(button) + by]?.focus()
}

export function timeOf({ entries, trace }: State, id: number): number | null {
  const entry = entries.find((item) => item.id === id)?.entry
  const column = trace?.source.timeColumn ?? null
  return entry?.kind !== 'record' || column === null ? null : momentOf(entry.row[column])
}

/** Gives a record another event time, another place in the order, or both. */
export function move(store: Store, id: number, to: { readonly ms?: number; readonly index?: number }): void {
  const { entries, trace } = store.state
  const index = entries.findIndex((item) => item.id === id)
  const item = entries[index]
  const column = trace?.source.timeColumn ?? null
  if (item === undefined || item.entry.kind !== 'record') return
  let moved: Placed = item
  if (to.ms !== undefined && column !== null && momentOf(item.entry.row[column]) !== to.ms) {
    moved = { ...item, entry: { ...item.entry, row: { ...item.entry.row, [column]: cellOf(to.ms, item.entry.row[column]) } } }
  }
  const place = Math.min(Math.max(to.index ?? index, 0), entries.length - 1)
  if (moved === item && place === index) return
  store.set({ entries: entries.toSpliced(index, 1).toSpliced(place, 0, moved), isPlaying: false })
}

function recordOf(event: Event): HTMLButtonElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLButtonElement>('.record') : null
}
