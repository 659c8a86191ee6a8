/**
 * Windows of the guide's readings that count: what comes out of them, for tests of what the guide says in words.
 *
 * Before: a test that names window and records. After: bounds and counts.
 */

import { expect } from 'vitest'
import { testJob } from '../../../adapters/testing.ts'
import { count, run, type WindowDeclaration } from '../../../runtime/index.ts'
import { readings } from './pictures.ts'

export type AnyWindow = WindowDeclaration<never, unknown, number | null>

export const counted = (window: AnyWindow) => readings().window(window).aggregate({ n: count() }).sink('out')

/** Bounds in seconds and number of records of all windows. */
export async function windows(window: AnyWindow, rows: readonly object[]) {
  const found = await run(counted(window), rows as never)
  return found.map(({ windowStart, windowEnd, n }) => [Number(windowStart) / 1000, Number(windowEnd) / 1000, n])
}

/** Counts at the end of a job whose watermarks are those of the guide. */
export async function status(window: AnyWindow, rows: readonly object[]) {
  const test = await testJob(counted(window), { watermarks: 'declared' })
  await test.push(...(rows as never[]))
  return test.end()
}

/** Records of one device at these times, in milliseconds. */
export const ms = (...times: number[]) => times.map((time) => ({ device: 'a', at: time, value: time }))
export const code = (expected: string) => expect.objectContaining({ code: expected })
