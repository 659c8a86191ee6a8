/**
 * Runs a window assigner over times, for tests that compare windows as lists.
 *
 * Before: a shape or an assigner. After: for each time, the windows it got.
 *
 * Invariant: every answer is checked for the order that AssignedWindows promises.
 */

import { expect } from 'vitest'
import type { AssignedShape } from '../../runtime/plan-kernel.ts'
import { AssignedWindows, type WindowAssigner, windowAssigner } from '../../runtime/window-assigner/window-assigner.ts'

export type Bounds = readonly [startMs: number, endMs: number]

const noRow = () => {
  throw new Error('this assigner needs no row')
}

/** Windows of each time, in a batch of all; none for a time outside. */
export function assignAll(assigner: WindowAssigner, times: readonly number[]): Bounds[][] {
  const out = new AssignedWindows()
  assigner.assign(Float64Array.from(times), times.length, noRow, out)
  const windows: Bounds[][] = times.map(() => [])
  for (let at = 0; at < out.count; at++) {
    const [row, start, end] = [out.rows[at]!, out.starts[at]!, out.ends[at]!]
    if (at > 0) {
      const [rowBefore, startBefore, endBefore] = [out.rows[at - 1]!, out.starts[at - 1]!, out.ends[at - 1]!]
      expect(rowBefore < row || (rowBefore === row && (startBefore < start || (startBefore === start && endBefore < end)))).toBe(true)
    }
    if (Number.isNaN(start)) expect(end).toBeNaN()
    else windows[row]!.push([start, end])
  }
  expect(new Set(out.rows.subarray(0, out.count)).size).toBe(times.length)
  return windows
}

/** Windows of one time, by a new assigner. */
export function assignOne(shape: AssignedShape, timeMs: number): Bounds[] {
  return assignAll(windowAssigner(shape), [timeMs])[0]!
}
