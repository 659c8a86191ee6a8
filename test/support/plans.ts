/**
 * Plans for tests, as JSON: source → filter → eventTime → filter → map → keyBy → window → sink, most of it optional.
 *
 * Before: a test that says what it varies. After: `fromPlan`.
 *
 * Invariant: a plan from here is unchecked input; what is wrong in it is for the product to find.
 */

import type { Aggregate } from '../oracle/panes/plan.ts'

export type Type = 'f64' | 'i32' | 'timestamp' | 'bool' | 'utf8'
export type Tree =
  | { readonly column: string }
  | { readonly literal: number | string | boolean }
  | { readonly fn: string; readonly args: readonly Tree[] }

export interface WindowPart {
  /** Name of the window and, with `-out`, of its sink. */
  readonly name: string
  /** Applied between event time and window: these rows move the watermark. */
  readonly where?: Tree
  readonly map?: Readonly<Record<string, Tree>>
  readonly keys?: readonly string[]
  /** Of tumbling and sliding windows. */
  readonly sizeMs?: number
  /** Absent: tumbling. */
  readonly slideMs?: number
  readonly offsetMs?: number
  readonly allowedLatenessMs?: number
  /** Name of a sink for late rows. */
  readonly lateSink?: string
  readonly aggregates: Readonly<Record<string, Aggregate>>
  /** Other fields of the window operator; `window` replaces the shape that size and slide make. */
  readonly more?: Readonly<Record<string, unknown>>
}

export interface PlanParts {
  readonly name?: string
  readonly schema: Readonly<Record<string, Type>>
  /** Applied before event time: these rows do not move the watermark. */
  readonly whereFirst?: Tree
  readonly time: string
  readonly delayMs: number
  readonly everyRecords?: number
  /** Branches that read the same source. */
  readonly windows: readonly WindowPart[]
}

/** The uid of the source is `in`; each window feeds the sink `<name>-out`. */
export function planOf({ name, schema, whereFirst, time, delayMs, everyRecords, windows }: PlanParts): {
  millrace: 1
  name: string
  operators: object[]
} {
  const operators: object[] = [{ uid: 'in', op: 'source', schema }]
  let trunk = 'in'
  const add = (from: string, operator: { readonly uid: string; readonly op: string }) => {
    operators.push({ ...operator, inputs: [from] })
    return operator.uid
  }
  if (whereFirst !== undefined) trunk = add(trunk, { uid: 'first', op: 'filter', where: whereFirst } as never)
  const every = everyRecords === undefined ? {} : { everyRecords }
  trunk = add(trunk, {
    uid: 'time',
    op: 'eventTime',
    column: time,
    // Times of tests have nothing to do with the clock of the machine.
    watermark: { kind: 'boundedOutOfOrderness', delayMs, maxFutureSkewMs: null, ...every },
  } as never)
  for (const part of windows) {
    let at = trunk
    if (part.where !== undefined) at = add(at, { uid: `${part.name}-where`, op: 'filter', where: part.where } as never)
    if (part.map !== undefined) at = add(at, { uid: `${part.name}-map`, op: 'map', columns: part.map } as never)
    if (part.keys !== undefined && part.keys.length > 0) at = add(at, { uid: `${part.name}-by`, op: 'keyBy', columns: part.keys } as never)
    const { sizeMs, slideMs, offsetMs = 0, allowedLatenessMs = 0, lateSink, aggregates, more } = part
    const window = slideMs === undefined ? { kind: 'tumbling', sizeMs, offsetMs } : { kind: 'sliding', sizeMs, slideMs, offsetMs }
    const late = lateSink === undefined ? {} : { late: { kind: 'sideOutput', name: lateSink } }
    at = add(at, { uid: part.name, op: 'window', window, allowedLatenessMs, ...late, aggregates, ...more } as never)
    add(at, { uid: `${part.name}-sink`, op: 'sink', name: `${part.name}-out` } as never)
  }
  return { millrace: 1, name: name ?? 'test-plan', operators }
}

export const column = (name: string): Tree => ({ column: name })
export const call = (fn: string, ...args: readonly (Tree | number | string | boolean)[]): Tree => ({
  fn,
  args: args.map((arg) => (typeof arg === 'object' ? arg : { literal: arg })),
})
