/**
 * What became of each record, by the counters of the job that it moved.
 *
 * Before: the status of the job behind every step. After: the trace.
 *
 * Where records are held back to be put in order, a counter moves later than they come. What lies in no window is found then: of the records
 * that the watermark has passed, as many as the counter says are in none.
 */

import type { JobStatus } from 'millrace'
import type { Fate, ViewState, WindowState } from '../model/trace.ts'

export interface Change {
  readonly before: JobStatus | null
  readonly now: JobStatus
  readonly isDeadLetter: boolean
  /** Behind the step. */
  readonly windows: readonly WindowState[]
}

interface Came {
  readonly record: number
  readonly timeMs: number | null
}

export class Fates {
  readonly #window: string | null
  readonly #holdsBack: boolean
  #held: readonly Came[] = []

  constructor(window: string | null, holdsBack: boolean) {
    this.#window = window
    this.#holdsBack = holdsBack
  }

  /** @param came - The record of this step, if it is one. */
  step(came: Came | null, change: Change): ViewState['fates'] {
    const known = came === null ? [] : [{ record: came.record, fate: this.#fateOf(came.record, change) }]
    if (!this.#holdsBack) return known
    if (came !== null && (known[0]!.fate === 'held' || known[0]!.fate === 'taken')) this.#held = [...this.#held, came]
    return [...known, ...this.#outside(change)]
  }

  #fateOf(record: number, { before, now, isDeadLetter, windows }: Change): Fate {
    const grew = (of: (status: JobStatus) => number | undefined) => (of(now) ?? 0) > (before === null ? 0 : (of(before) ?? 0))
    const window = (name: 'late' | 'closed' | 'outside' | 'recordsIn') =>
      grew((status) => status.windows.find(({ uid }) => uid === this.#window)?.[name])
    const operators = (name: string) => grew((status) => status.operators.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0))
    const filtered = grew(({ sources }) => sources[0]?.filtered)
    if (isDeadLetter || grew(({ deadLetters }) => deadLetters)) return 'deadLetter'
    if (window('late') || operators('lateDropped')) return 'late'
    if (filtered) return operators('duplicates') ? 'duplicate' : 'filtered'
    if (this.#holdsBack) return windows.some(({ records }) => records.includes(record)) ? 'taken' : 'held'
    if (window('closed')) return 'closed'
    if (window('outside')) return 'outside'
    return (this.#window === null ? grew(({ recordsOut }) => recordsOut) : window('recordsIn')) ? 'taken' : 'held'
  }

  /** Records that were held back, and of which it is now known that no window has them. */
  #outside({ before, now, windows }: Change): ViewState['fates'] {
    const count = (status: JobStatus | null) => status?.windows.find(({ uid }) => uid === this.#window)?.outside ?? 0
    const taken = new Set(windows.flatMap(({ records }) => records))
    const isPassed = ({ timeMs }: Came) =>
      timeMs !== null && now.eventTimes.some((time) => time.isTimeEnded || (time.watermarkMs ?? Number.NEGATIVE_INFINITY) >= timeMs)
    const outside = this.#held.filter((came) => !taken.has(came.record) && isPassed(came)).slice(0, count(now) - count(before))
    const gone = new Set(outside.map(({ record }) => record))
    this.#held = this.#held.filter(({ record }) => !gone.has(record))
    return outside.map(({ record }) => ({ record, fate: 'outside' }))
  }
}
