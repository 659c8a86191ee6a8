/**
 * A step in words: what the time line shows, for those who read, and for those who hear it.
 *
 * Before: the trace. After: the line above the time line, the slider and the live region.
 */

import type { Entry } from './entry.ts'
import { MomentText } from './time-text.ts'
import type { Fate, Step, Trace, WindowState } from './trace.ts'

export interface Narrator {
  readonly trace: Trace
  readonly entries: readonly Entry[]
  readonly view: number
  readonly moments: MomentText
}

/** What happened to a record, as a word for labels. */
export const FATE_WORDS: Readonly<Record<Fate, string>> = {
  taken: 'in',
  held: 'held back',
  late: 'late',
  duplicate: 'duplicate',
  filtered: 'filtered out',
  outside: 'in no window',
  closed: 'refused',
  deadLetter: 'no record',
}

/** All moments of a trace, which decide how they are written. Watermarks are left out: they always lie 1 ms before something. */
export function momentsOf(trace: Trace): MomentText {
  const moments = trace.steps.flatMap(({ timeMs, views }) => [
    ...(timeMs === null ? [] : [timeMs]),
    ...views.flatMap(({ windows }) => windows.flatMap(({ startMs }) => (startMs === null ? [] : [startMs]))),
  ])
  return new MomentText(moments.length === 0 ? [0] : moments)
}

/** @param at - Steps that have been played, from 0: nothing has come yet. */
export function captionOf(narrator: Narrator, at: number): string {
  const { trace } = narrator
  const step = trace.steps[at - 1]
  if (step === undefined) return 'Nothing has come yet. Play, or go on step by step.'
  return [
    cameText(narrator, step),
    ...fateText(narrator, step),
    watermarkText(narrator, step, trace.steps[at - 2]),
    ...windowTexts(narrator, step),
    ...outTexts(narrator, step),
  ]
    .filter((text) => text !== '')
    .join(' ')
}

function cameText({ trace, entries, view, moments }: Narrator, step: Step): string {
  const entry = step.entry === null ? undefined : entries[step.entry]
  if (entry === undefined) return 'The stream ends: nothing more can come.'
  switch (entry.kind) {
    case 'record': {
      const key = step.views[view]?.key ?? ''
      const name = key === '' ? 'A record' : `Record ${key}`
      const time = step.timeMs === null ? '' : ` of ${moments.of(step.timeMs)}`
      const split =
        trace.steps.some(({ idleSplits }) => idleSplits.some((count) => count > 0)) && entry.split > 0 ? ` on split ${entry.split + 1}` : ''
      return `${name}${time} arrives${split}.`
    }
    case 'clock':
      return `The clock of the host goes on by ${entry.by}${(step.idleSplits[0] ?? 0) > 0 ? '; a split counts as idle' : ''}.`
    case 'watermark':
      return `The source says the watermark ${entry.to}.`
    default: {
      const never: never = entry
      throw new RangeError(String(never))
    }
  }
}

function fateText({ trace, view }: Narrator, step: Step): readonly string[] {
  if (step.deadLetter !== null) return [`It is no record and goes aside: ${step.deadLetter}.`]
  switch (fateAt(step, view)) {
    case 'late': {
      const late = trace.sinks.find((sink, index) => sink.kind === 'late' && step.results.some((result) => result.sink === index))
      return [`It is late: its window has closed. ${late === undefined ? 'It is dropped and counted.' : `It goes to ${late.name}.`}`]
    }
    case 'duplicate':
      return ['It is a duplicate, and is dropped.']
    case 'filtered':
      return ['A filter takes it out.']
    case 'outside':
      return ['It lies in no window.']
    case 'closed':
      return ['Its window takes nothing more: the trigger has ended.']
    case 'held':
      return ['It is held back until the watermark has passed it.']
    default:
      return []
  }
}

/** What became of the record that came in a step. */
export function fateAt(step: Step, view: number): Fate | null {
  return step.views[view]?.fates.find(({ record }) => record === step.entry)?.fate ?? null
}

function watermarkText({ trace, view, moments }: Narrator, step: Step, before: Step | undefined): string {
  const number = trace.views[view]?.watermark ?? -1
  if (number < 0) return ''
  const now = step.watermarksMs[number] ?? null
  const then = before?.watermarksMs[number] ?? null
  if (now === null) return 'There is no watermark yet.'
  return now === then ? `Watermark ${moments.of(now)}, as before.` : `Watermark ${moments.of(now)}.`
}

function windowTexts(narrator: Narrator, step: Step): readonly string[] {
  return (step.views[narrator.view]?.windows ?? []).flatMap((window) => windowText(narrator, window))
}

function windowText({ moments }: Narrator, window: WindowState): readonly string[] {
  const { events, count, pending, phase } = window
  const bounds = window.startMs === null ? 'The window of all time' : `Window ${moments.window(window.startMs, window.endMs)}`
  const name = `${bounds}${window.key === '' ? '' : ` of ${window.key}`}`
  const has = `${count} ${count === 1 ? 'record' : 'records'}`
  const values = valuesText(window.values)
  const said: string[] = []
  if (events.includes('merged')) said.push(`${name} is now one with what it touched: ${has}.`)
  else if (events.includes('opened')) said.push(`${name} opens with ${count === 1 ? 'it' : has}.`)
  else if (events.includes('took')) said.push(`${name} now has ${has}.`)
  if (events.includes('retracted'))
    said.push(events.includes('merged') ? 'What they had given is taken back.' : 'What it had given is taken back.')
  if (events.includes('early')) said.push(`${name} gives an early result: ${values}.`)
  if (events.includes('fired')) said.push(`${name} fires: ${values}.`)
  if (events.includes('complete')) said.push(`${name} is complete; its result stays as it was: ${values}.`)
  if (events.includes('corrected')) said.push(`${name} is corrected: ${values}.`)
  if (events.includes('gone') && !events.includes('fired') && !events.includes('corrected')) {
    const rest =
      phase === 'lost' ? ` without a result; its ${has} are in none` : pending > 0 ? `; ${pending} of its records are in no result` : ''
    said.push(`${name} is gone${rest}.`)
  }
  return said
}

function outTexts({ trace, view, moments }: Narrator, step: Step): readonly string[] {
  if (trace.views[view]?.uid !== null) return []
  const column = trace.source.timeColumn
  const times = step.results.flatMap(({ row }) => (column === null || typeof row[column] !== 'number' ? [] : [moments.of(row[column])]))
  return times.length === 0 ? [] : [`Out ${times.length === 1 ? 'comes' : 'come'} ${times.join(', ')}.`]
}

/** `n 3, litres 15`. */
export function valuesText(values: Readonly<Record<string, unknown>>, between = ', '): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${cellText(value)}`)
    .join(between)
}

/** A cell for people: numbers with at most three digits behind the point. */
export function cellText(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toFixed(3)))
  if (value === null || value === undefined) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
