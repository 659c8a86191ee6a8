/**
 * Play, pause, step, speed, and the slider that goes through the steps in both directions.
 *
 * Before: people. After: the step at which the picture stands.
 */

import { el, set } from './dom.ts'
import { icon } from './icons.ts'
import { captionAt, type State, type Store } from './state.ts'

const SPEEDS = [0.5, 1, 2, 4] as const

export function player(store: Store): HTMLElement {
  const button = (name: Parameters<typeof icon>[0], label: string, click: () => void) =>
    el('button', { type: 'button', class: 'icon', 'aria-label': label, title: label, click }, icon(name))
  const go = (to: number) => store.set({ step: Math.min(Math.max(to, 0), lastOf(store.state)), isPlaying: false })
  const play = el('button', { type: 'button', class: 'icon primary', click: () => toggle(store) })
  const slider = el('input', {
    type: 'range',
    min: 0,
    'aria-label': 'Step',
    input: () => store.set({ step: slider.valueAsNumber, isPlaying: false }),
  })
  const place = el('output', { class: 'place' })
  const speed = el(
    'select',
    { 'aria-label': 'Speed', change: () => store.set({ speed: Number(speed.value) }) },
    ...SPEEDS.map((value) => el('option', { value }, `${value}×`)),
  )
  const bar = el(
    'div',
    { class: 'player', role: 'group', 'aria-label': 'Player' },
    button('first', 'To the beginning', () => go(0)),
    button('back', 'A step back', () => go(store.state.step - 1)),
    play,
    button('forward', 'A step on', () => go(store.state.step + 1)),
    button('last', 'To the end', () => go(lastOf(store.state))),
    slider,
    place,
    speed,
  )
  store.listen((state, before) => {
    const step = Math.min(state.step, lastOf(state))
    if (before !== null && before.step === state.step && before.trace === state.trace && before.isPlaying === state.isPlaying) return
    slider.max = String(lastOf(state))
    slider.value = String(step)
    set(slider, { 'aria-valuetext': `${step} of ${lastOf(state)}: ${captionAt(state)}` })
    slider.style.setProperty('--share', String(step / Math.max(1, lastOf(state))))
    place.textContent = `${step} / ${lastOf(state)}`
    set(play, { 'aria-label': state.isPlaying ? 'Pause' : 'Play', title: state.isPlaying ? 'Pause' : 'Play' })
    play.replaceChildren(icon(state.isPlaying ? 'pause' : 'play'))
    speed.value = String(state.speed)
  })
  tick(store)
  return bar
}

function lastOf({ trace }: State): number {
  return trace?.steps.length ?? 0
}

/** Plays or pauses; at the end it begins anew. */
export function toggle(store: Store): void {
  const { isPlaying, step } = store.state
  store.set({ isPlaying: !isPlaying, ...(!isPlaying && step >= lastOf(store.state) ? { step: 0 } : {}) })
}

/** Goes on by a step whenever one is due, while it plays. */
function tick(store: Store): void {
  let lastMs: number | null = null
  const frame = (nowMs: number) => {
    const { isPlaying, speed, step, trace } = store.state
    if (!isPlaying) {
      lastMs = null
      return
    }
    if (trace === null) lastMs = nowMs
    lastMs ??= nowMs
    if (nowMs - lastMs >= 1000 / speed) {
      lastMs = nowMs
      const next = Math.min(step + 1, lastOf(store.state))
      store.set({ step: next, isPlaying: next < lastOf(store.state) })
    }
    requestAnimationFrame(frame)
  }
  store.listen((state, before) => {
    if (state.isPlaying && before?.isPlaying !== true) requestAnimationFrame(frame)
  })
}
