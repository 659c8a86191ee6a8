/** Prints what every job of the gallery gives in Node, as JSON by example and sink; run by the tests of the page in a process of its own. */

import { expectedRows } from './expected.ts'
import { gallery } from './gallery.ts'

const rows: Record<string, unknown> = {}
for (const { id, job, entries } of await gallery()) rows[id] = await expectedRows(job, entries)
console.log(JSON.stringify(rows))
