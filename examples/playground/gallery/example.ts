/**
 * An example of the gallery, and the words in which streams are written down here.
 *
 * Before: nothing. After: the groups of examples, a file each.
 */

import type { Entry, Row } from '../model/entry.ts'
import { BASE_DAY_MS, cellOf } from '../model/time-text.ts'

export interface Example {
  /** Also the file of the program, and the fragment of the address. */
  readonly id: string
  readonly title: string
  /** Two sentences: what it is, and what to look at. */
  readonly text: string
  readonly entries: readonly Entry[]
}

const NOON_MS = BASE_DAY_MS + 12 * 3_600_000

/** A moment so many seconds after noon. */
export const at = (seconds: number) => cellOf(NOON_MS + seconds * 1000, '')

export const record = (row: Row, split = 0): Entry => ({ kind: 'record', row, split })

/** A reading of a wheel. */
export const r = (wheel: string, seconds: number, litres: number, split = 0) => record({ wheel, at: at(seconds), litres }, split)

export const clock = (by: string): Entry => ({ kind: 'clock', by })
