/**
 * The gallery: programs of `programs/`, each with a short stream that shows what it does, and two sentences to read with it.
 *
 * Before: nothing. After: the list of the page; `build.mjs` puts the texts of the programs beside it.
 */

import type { Entry, Row } from '../model/entry.ts'
import { BASE_DAY_MS, cellOf } from '../model/time-text.ts'

export interface Example {
  /** Also the file of the program, and the fragment of the address. */
  readonly id: string
  readonly group: Group
  readonly title: string
  /** Two sentences: what it is, and what to look at. */
  readonly text: string
  readonly entries: readonly Entry[]
}

export const GROUPS = ['Windows', 'Watermarks', 'Late records', 'Triggers', 'Order and duplicates'] as const
export type Group = (typeof GROUPS)[number]

const NOON_MS = BASE_DAY_MS + 12 * 3_600_000

/** A moment so many seconds after noon. */
const at = (seconds: number) => cellOf(NOON_MS + seconds * 1000, '')
const record = (row: Row, split = 0): Entry => ({ kind: 'record', row, split })
/** A reading of a wheel. */
const r = (wheel: string, seconds: number, litres: number, split = 0) => record({ wheel, at: at(seconds), litres }, split)
const clock = (by: string): Entry => ({ kind: 'clock', by })

export const EXAMPLES: readonly Example[] = [
  {
    id: 'tumbling',
    group: 'Windows',
    title: 'Tumbling',
    text: 'Windows of ten seconds, one after the other, for each wheel. Records come out of order, and still each is counted in its window; a window gives its result when the watermark, which stays 3 s behind the newest record, has passed its end.',
    entries: [r('a', 1, 4), r('a', 7, 6), r('b', 3, 5), r('a', 4, 3), r('b', 8, 7), r('a', 12, 8), r('a', 9, 2), r('b', 13, 4), r('b', 16, 6), r('a', 15, 5), r('a', 24, 7), r('b', 25, 3)],
  },
  {
    id: 'sliding',
    group: 'Windows',
    title: 'Sliding',
    text: 'Windows of fifteen seconds that begin every five, so each record is in three of them. Drag a record and see it leave one window and enter another.',
    entries: [r('a', 2, 4), r('a', 6, 8), r('a', 9, 5), r('a', 8, 7), r('a', 13, 6), r('a', 17, 9), r('a', 21, 3), r('a', 26, 5), r('a', 34, 6)],
  },
  {
    id: 'cumulate',
    group: 'Windows',
    title: 'Cumulating',
    text: 'The total of half a minute, told every ten seconds while it grows. Each step is a window of its own that begins where the others begin.',
    entries: [r('a', 2, 4), r('a', 7, 6), r('a', 12, 3), r('a', 18, 5), r('a', 24, 8), r('a', 31, 2), r('a', 38, 7), r('a', 45, 4), r('a', 62, 6)],
  },
  {
    id: 'sessions',
    group: 'Windows',
    title: 'Sessions that merge',
    text: 'A session lasts as long as records of a wheel are at most five seconds apart. The record of 12:00:06 comes last of its neighbours: it links two sessions, and they become one.',
    entries: [r('a', 1, 4), r('a', 3, 6), r('a', 10, 5), r('b', 4, 3), r('a', 12, 7), r('a', 6, 8), r('b', 7, 2), r('b', 15, 6), r('a', 24, 4), r('b', 26, 5), r('a', 36, 3)],
  },
  {
    id: 'count',
    group: 'Windows',
    title: 'By count',
    text: 'Every three records of a wheel, in the order in which they arrive: event time has no part in it. So windows may overlap when records are out of order, and a window fires with its third record, whatever the watermark.',
    entries: [r('a', 1, 4), r('b', 2, 6), r('a', 6, 5), r('a', 3, 7), r('b', 5, 2), r('a', 4, 8), r('b', 9, 3), r('a', 11, 6), r('a', 10, 1), r('b', 12, 4)],
  },
  {
    id: 'calendar',
    group: 'Windows',
    title: 'Months from the 31st',
    text: 'Billing periods begin on the 31st, or on the last day of months that have none, at midnight in Berlin. So they have 28, 31 or 30 days, and the change of the clocks in March takes an hour from one of them.',
    entries: ['2026-01-31T08:00Z', '2026-02-10T12:00Z', '2026-02-27T22:30Z', '2026-02-27T23:30Z', '2026-03-15T12:00Z', '2026-03-30T21:59Z', '2026-03-30T22:00Z', '2026-04-12T06:00Z', '2026-05-02T06:00Z'].map((moment, index) => record({ wheel: 'a', at: moment, litres: 3 + ((index * 5) % 7) })),
  },
  {
    id: 'state',
    group: 'Windows',
    title: 'While a machine runs',
    text: 'A window opens with the record that says start and closes with the one that says stop. Records are put in order first, so the stop that comes too early in the stream ends the run where it belongs.',
    entries: [
      ['a', 2, 'start'],
      ['a', 4, 'turn'],
      ['b', 3, 'turn'],
      ['a', 9, 'stop'],
      ['a', 6, 'turn'],
      ['b', 6, 'start'],
      ['a', 12, 'turn'],
      ['b', 11, 'turn'],
      ['a', 15, 'start'],
      ['b', 14, 'stop'],
      ['a', 19, 'turn'],
    ].map(([wheel, seconds, event]) => record({ wheel, at: at(Number(seconds)), event })),
  },
  {
    id: 'custom-window',
    group: 'Windows',
    title: 'By a function',
    text: 'A function of the program says which windows a record is in: the more litres, the longer the window. Functions stand beside the plan, so the plan alone says only that there is one.',
    entries: [r('a', 1, 5), r('a', 3, 3), r('b', 4, 8), r('a', 8, 1), r('b', 9, 4), r('a', 11, 6), r('b', 14, 3), r('a', 20, 2)],
  },
  {
    id: 'strategies',
    group: 'Watermarks',
    title: 'How long to wait',
    text: 'The same stream with two watermarks: one stays 10 s behind, the other learns the delay that 80 % of the records keep. The learned one closes windows sooner and pays with late records; choose above the picture which windows you see.',
    entries: [r('a', 1, 4), r('a', 3, 5), r('a', 2, 6), r('a', 6, 3), r('a', 8, 7), r('a', 5, 2), r('a', 11, 4), r('a', 13, 6), r('a', 9, 5), r('a', 16, 3), r('a', 15, 8), r('a', 19, 4), r('a', 11, 6), r('a', 22, 5), r('a', 25, 7), r('a', 31, 3)],
  },
  {
    id: 'idle',
    group: 'Watermarks',
    title: 'A split falls silent',
    text: 'The source has two splits, and the slower one holds the watermark: ring-shaped records are of the second. When it has been silent for ten seconds of the clock it counts as idle, the watermark goes on without it, and windows close; when it comes back, it counts again.',
    entries: [r('a', 1, 4), r('b', 2, 5, 1), r('a', 6, 6), r('b', 5, 3, 1), r('a', 12, 7), r('a', 17, 4), clock('6s'), r('a', 23, 5), clock('6s'), r('a', 28, 6), r('b', 26, 3, 1), r('a', 38, 4), r('b', 24, 7, 1)],
  },
  {
    id: 'silence',
    group: 'Watermarks',
    title: 'Nothing comes any more',
    text: 'Event time goes by records, so when the stream falls silent its last window would stay open for ever. After ten seconds of silence event time goes on at the pace of the clock; a record that comes back too late finds its window closed.',
    entries: [r('a', 1, 4), r('a', 5, 6), r('a', 8, 3), clock('10s'), clock('2s'), clock('3s'), r('a', 9, 7), r('a', 16, 5), r('a', 21, 2), clock('14s')],
  },
  {
    id: 'punctuated',
    group: 'Watermarks',
    title: 'The producer says it',
    text: 'Some records are marks: they say how far the stream is complete, and only they move the watermark. Between two marks nothing closes, however far the records run ahead.',
    entries: [
      ['a', 2, 4, false],
      ['a', 6, 5, false],
      ['a', 13, 6, false],
      ['a', 4, 3, false],
      ['', 10, null, true],
      ['a', 8, 7, false],
      ['a', 17, 2, false],
      ['a', 22, 6, false],
      ['a', 15, 4, false],
      ['', 20, null, true],
      ['a', 26, 5, false],
    ].map(([wheel, seconds, litres, isMark]) => record({ wheel, at: at(Number(seconds)), litres, isMark })),
  },
  {
    id: 'late',
    group: 'Late records',
    title: 'Too late',
    text: 'The watermark waits two seconds. What comes for a window that has closed is late: it is counted and goes to a sink of its own, here “late”, and is never lost silently.',
    entries: [r('a', 2, 4), r('a', 6, 5), r('a', 11, 7), r('a', 9, 3), r('a', 12, 6), r('a', 8, 2), r('a', 15, 4), r('a', 7, 8), r('a', 23, 5), r('a', 18, 3), r('a', 34, 6)],
  },
  {
    id: 'corrections',
    group: 'Late records',
    title: 'Corrections',
    text: 'With an allowed lateness a window lives on after its result: a record that comes in that time fires it again, corrected. Only when the watermark is 15 s past its end is the window gone, and then a record is too late.',
    entries: [r('a', 2, 4), r('b', 4, 3), r('a', 7, 6), r('a', 13, 5), r('a', 8, 2), r('b', 14, 7), r('b', 9, 4), r('a', 22, 6), r('a', 5, 1), r('a', 28, 3), r('a', 6, 8), r('b', 31, 5), r('b', 12, 2)],
  },
  {
    id: 'linked-sessions',
    group: 'Late records',
    title: 'A late record links sessions',
    text: 'Two sessions have fired; then a late record comes that lies between them. Both results are taken back (−D), and the one session that they are now gives its own (+I).',
    entries: [r('a', 1, 4), r('a', 3, 5), r('a', 10, 6), r('a', 12, 3), r('a', 20, 7), r('b', 21, 2), r('a', 7, 8), r('a', 26, 4), r('a', 34, 5)],
  },
  {
    id: 'early',
    group: 'Triggers',
    title: 'Early results by count',
    text: 'Twenty seconds are long, so the window gives a result at every second record, and the final one when the watermark has passed its end. Each pane has all records so far and stands in the place of the one before (+U).',
    entries: [r('a', 2, 4), r('a', 6, 5), r('a', 4, 6), r('a', 11, 3), r('a', 9, 7), r('a', 17, 2), r('a', 14, 4), r('a', 24, 6), r('a', 29, 5), r('a', 44, 3)],
  },
  {
    id: 'early-clock',
    group: 'Triggers',
    title: 'Early results by the clock',
    text: 'From the window’s first record on, a result comes every five seconds of the clock, whether something is new or not. The hours at the side are the clock of the host: it has nothing to do with event time.',
    entries: [r('a', 2, 4), r('a', 6, 5), clock('6s'), r('a', 11, 3), clock('5s'), clock('5s'), r('a', 17, 2), r('a', 24, 6), clock('6s'), r('a', 29, 5)],
  },
  {
    id: 'discarding',
    group: 'Triggers',
    title: 'Only what is new',
    text: 'Discarding: each pane has the records since the pane before, so whoever adds the panes up has the total. Compare with “Early results by count”, where each pane has everything so far.',
    entries: [r('a', 2, 4), r('a', 6, 5), r('a', 4, 6), r('a', 11, 3), r('a', 9, 7), r('a', 24, 6), r('a', 17, 2), r('a', 29, 5), r('a', 44, 3)],
  },
  {
    id: 'retracting',
    group: 'Triggers',
    title: 'Taking back',
    text: 'Retracting: before a new result the old one is taken back (−U), so whoever adds up results of all windows stays right. It holds for early panes and for corrections alike.',
    entries: [r('a', 2, 4), r('a', 6, 5), r('b', 5, 3), r('a', 11, 3), r('a', 9, 7), r('b', 14, 6), r('a', 24, 6), r('a', 17, 2), r('b', 27, 4), r('a', 36, 5)],
  },
  {
    id: 'global',
    group: 'Triggers',
    title: 'A running total',
    text: 'One window for all time, for each wheel: it has no end that a watermark could pass, so a trigger must say when. Here it is every third record, or the end of the stream.',
    entries: [r('a', 2, 4), r('b', 4, 5), r('a', 6, 6), r('a', 3, 3), r('b', 9, 7), r('a', 12, 2), r('b', 11, 4), r('a', 15, 6), r('a', 18, 5), r('b', 21, 3)],
  },
  {
    id: 'deduplicate',
    group: 'Order and duplicates',
    title: 'Each record once',
    text: 'A sender that gets no answer sends again: same wheel, same number. The first record of an id passes, and those that follow within thirty seconds of event time are dropped and counted.',
    entries: [
      ['a', 1, 1, 4],
      ['a', 3, 2, 6],
      ['a', 3, 2, 6],
      ['b', 4, 1, 5],
      ['a', 8, 3, 3],
      ['a', 1, 1, 4],
      ['b', 9, 2, 7],
      ['a', 14, 4, 2],
      ['b', 9, 2, 7],
      ['a', 8, 3, 3],
      ['b', 17, 3, 6],
      ['a', 26, 5, 4],
    ].map(([wheel, seconds, no, litres]) => record({ wheel, at: at(Number(seconds)), no, litres })),
  },
  {
    id: 'sort',
    group: 'Order and duplicates',
    title: 'In order of event time',
    text: 'Records are held back until the watermark has passed them, and leave in order. What is later than the watermark cannot be put in its place any more, and passes at once.',
    entries: [r('a', 5, 4), r('b', 2, 6), r('a', 9, 5), r('b', 4, 3), r('a', 7, 7), r('b', 13, 2), r('a', 8, 4), r('a', 11, 6), r('b', 6, 5), r('a', 19, 3)],
  },
]
