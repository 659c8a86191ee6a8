/**
 * The gallery: programs of `programs/`, each with a short stream that shows what it does, and two sentences to read with it.
 *
 * Before: the groups, a file each. After: the list of the page; `build.mjs` puts the texts of the programs beside it.
 */

import type { Example } from './example.ts'
import { LATE_RECORDS } from './late-records.ts'
import { ORDER } from './order.ts'
import { TRIGGERS } from './triggers.ts'
import { WATERMARKS } from './watermarks.ts'
import { WINDOWS } from './windows.ts'

export type { Example } from './example.ts'

export interface Group {
  readonly title: string
  readonly examples: readonly Example[]
}

export const GROUPS: readonly Group[] = [
  { title: 'Windows', examples: WINDOWS },
  { title: 'Watermarks', examples: WATERMARKS },
  { title: 'Late records', examples: LATE_RECORDS },
  { title: 'Triggers', examples: TRIGGERS },
  { title: 'Order and duplicates', examples: ORDER },
]

export const EXAMPLES: readonly Example[] = GROUPS.flatMap(({ examples }) => examples)
